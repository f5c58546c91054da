import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clearFakeClocks } from './fake-clock.ts';

/** No process has this number: it is past the greatest that Linux gives. */
const GONE = 2 ** 22 + 1;

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'reeve-clocks-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe.runIf(process.platform === 'linux')('what fake clocks leave', () => {
  test('goes with the process that was killed, and stays while one runs; other files are not touched', () => {
    const kept = [`faketime_shm_${process.pid}`, `sem.faketime_sem_${process.pid}`, `other_${GONE}`];
    for (const name of [...kept, `faketime_shm_${GONE}`, `sem.faketime_sem_${GONE}`])
      writeFileSync(join(folder, name), '');
    clearFakeClocks(folder);
    expect(readdirSync(folder).toSorted()).toEqual(kept.toSorted());
  });
});
