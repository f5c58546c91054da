import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lockFile, openStateDir, stateDirFrom } from '../../scripts/state-dir.ts';

const SCRIPT = join(import.meta.dirname, '../../scripts/state-dir.ts');

let parent: string;
let dir: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'reeve-state-'));
  dir = join(parent, 'state');
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

function open(fresh = false): () => void {
  const opened = openStateDir(dir, fresh);
  if ('refused' in opened) throw new Error(opened.refused);
  return opened.close;
}

function refusal(fresh = false): string {
  const opened = openStateDir(dir, fresh);
  if ('refused' in opened) return opened.refused;
  opened.close();
  throw new Error('it was opened');
}

describe('the state folder', () => {
  test('is REEVE_STATE_DIR, and where that is empty or not given, .reeve', () => {
    expect(stateDirFrom({ REEVE_STATE_DIR: '/somewhere' })).toBe('/somewhere');
    expect(stateDirFrom({ REEVE_STATE_DIR: '' })).toBe(resolve('.reeve'));
    expect(stateDirFrom({})).toBe(resolve('.reeve'));
  });

  test.each([false, true])(
    'that holds anything of another program is refused and left as it is (fresh: %s)',
    (fresh) => {
      mkdirSync(join(dir, 'src'), { recursive: true });
      writeFileSync(join(dir, 'dev.env'), 'of another program');
      writeFileSync(join(dir, 'src/index.ts'), 'precious');
      expect(refusal(fresh)).toBe(
        `${dir} holds things that are not Reeve's; set REEVE_STATE_DIR to an empty folder, or one that is not there`,
      );
      expect(readdirSync(dir).toSorted()).toEqual(['dev.env', 'src']);
      expect(readFileSync(join(dir, 'src/index.ts'), 'utf8')).toBe('precious');
    },
  );

  test('that the system does not let be made, or be written to, is refused with its reason', () => {
    writeFileSync(dir, '');
    dir = join(dir, 'below');
    expect(refusal()).toMatch(/below cannot be used \(ENOTDIR: .+\); set REEVE_STATE_DIR to another folder$/);
    dir = join(parent, 'link');
    symlinkSync(join(parent, 'nowhere/state'), dir);
    expect(refusal()).toMatch(/link cannot be used \(E[A-Z]+: .+\); set REEVE_STATE_DIR to another folder$/);
  });

  test('that is a file is refused', () => {
    writeFileSync(dir, '');
    expect(refusal(true)).toContain('is no folder');
  });

  test.each(['logs', 'worker'])('with a folder that is only called %s like one of ours is refused', (name) => {
    mkdirSync(join(dir, name), { recursive: true });
    writeFileSync(join(dir, name, 'index.ts'), 'precious');
    expect(refusal(true)).toContain("not Reeve's");
    expect(readFileSync(join(dir, name, 'index.ts'), 'utf8')).toBe('precious');
  });

  test('begins anew where that is asked for: only what a stack puts there goes', () => {
    open()();
    for (const name of ['dev.env', 'worker.env', 'auth-header', 'notes.txt']) writeFileSync(join(dir, name), 'x');
    for (const name of ['logs', 'worker', 'mine']) mkdirSync(join(dir, name));
    open()();
    expect(readdirSync(dir)).toEqual(expect.arrayContaining(['dev.env', 'worker', 'logs']));
    open(true)();
    expect(readdirSync(dir).toSorted()).toEqual(['.reeve-state', 'guard', 'lock', 'mine', 'notes.txt']);
  });

  test('of a stack from before there was a marker is known by what is in it', () => {
    mkdirSync(join(dir, 'logs'), { recursive: true });
    writeFileSync(join(dir, 'dev.env'), 'x');
    open()();
    expect(readFileSync(join(dir, 'dev.env'), 'utf8')).toBe('x');
  });

  test('is for one at a time: the second is shown who has it, and changes nothing', () => {
    const close = open();
    writeFileSync(join(dir, 'dev.env'), 'x');
    expect(refusal(true)).toMatch(
      new RegExp(
        `^${dir} is in use by process ${process.pid} \\(".+"\\); stop it, or set REEVE_STATE_DIR to another folder$`,
      ),
    );
    expect(readFileSync(join(dir, 'dev.env'), 'utf8')).toBe('x');
    close();
    open()();
  });

  test('is not free before the guard of a killed stack has ended what that left behind', () => {
    open()();
    const guard = lockFile(join(dir, 'guard'), 0);
    // In this process it is not released meanwhile, so the whole wait is waited.
    expect(refusal()).toContain('does not end');
    guard?.close();
    open()();
  });

  test('is free again when the process that had it was killed', async () => {
    const program = `import { openStateDir } from ${JSON.stringify(SCRIPT)};
      openStateDir(${JSON.stringify(dir)}, false); console.log('open'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    expect(refusal()).toContain(`in use by process ${child.pid}`);
    child.kill('SIGKILL');
    await once(child, 'close');
    open()();
  });
});
