import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { signalGroup } from '../../scripts/process-group.ts';

const GUARD = join(import.meta.dirname, '../../scripts/guard.ts');

let folder: string;
const leaders: number[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reeve-guard-'));
});
afterEach(() => {
  for (const leader of leaders.splice(0)) signalGroup(leader, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** A command with two groups, each a shell and what it started; it forgets the second, and then waits to be killed. */
async function command(): Promise<{ kill: () => void; watched: number; forgotten: number; temporary: string }> {
  const temporary = join(folder, 'temporary');
  mkdirSync(temporary);
  const program = `
    import { spawn } from 'node:child_process';
    import { Guard } from ${JSON.stringify(GUARD)};
    const guard = new Guard();
    guard.protectFolder(${JSON.stringify(temporary)});
    const begin = () => spawn('sh', ['-c', 'trap "" HUP; sleep 600 & sleep 600'], { detached: true, stdio: 'ignore' }).pid;
    const [watched, forgotten] = [begin(), begin()];
    for (const leader of [watched, forgotten]) guard.protect(leader);
    guard.forget(forgotten);
    console.log(JSON.stringify({ watched, forgotten }));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line]: unknown[] = await once(child.stdout, 'data');
  const { watched, forgotten } = JSON.parse(String(line)) as { watched: number; forgotten: number };
  leaders.push(watched, forgotten);
  return { kill: () => child.kill('SIGKILL'), watched, forgotten, temporary };
}

describe('the guard of a command', () => {
  test('ends its process groups, grandchildren too, and removes its folder, when it is killed; what it forgot is left alone', async () => {
    const { kill, watched, forgotten, temporary } = await command();
    expect(signalGroup(watched, 0)).toBe(true);
    kill();
    await expect.poll(() => signalGroup(watched, 0)).toBe(false);
    await expect.poll(() => existsSync(temporary)).toBe(false);
    expect(signalGroup(forgotten, 0)).toBe(true);
  });
});
