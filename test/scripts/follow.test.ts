import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../scripts/ports.ts';
import { townId } from '../support/ids.ts';
import { PATIENT } from '../support/patient.ts';

const ROOT = join(import.meta.dirname, '../..');
const TOWN = townId(1);
const stateDir = mkdtempSync(join(tmpdir(), 'reeve-follow-'));

beforeAll(() => writeFileSync(join(stateDir, 'auth-header'), 'Authorization: Bearer a-token-for-this-test\n'));
afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

function run(args: readonly string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts/follow.ts'), ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', REEVE_STATE_DIR: stateDir, ...env },
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { status, stdout, stderr };
}

describe('npm run follow', () => {
  test('ends quietly where the reader of its output is gone', async () => {
    const child = spawn(process.execPath, [join(ROOT, 'scripts/follow.ts'), '--help'], { cwd: ROOT, stdio: 'pipe' });
    child.stdout.destroy();
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => void (said += chunk.toString()));
    const [code]: unknown[] = await once(child, 'close');
    expect([code, said]).toEqual([0, '']);
  });

  test('--help says what it does', () => {
    const { status, stdout } = run(['--help']);
    expect(status).toBe(0);
    expect(stdout).toContain('Usage: npm run follow -- <town>');
  });

  test('an address where no server answers is reported, with the reason, and tried again', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const env = { ...process.env, REEVE_STATE_DIR: stateDir, REEVE_URL: `http://${address}` };
    const child = spawn(process.execPath, [join(ROOT, 'scripts/follow.ts'), TOWN], { cwd: ROOT, env, stdio: 'pipe' });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => void (said += chunk.toString()));
    await expect.poll(() => said.split('trying again').length, PATIENT).toBeGreaterThan(2);
    child.kill('SIGINT');
    const [code]: unknown[] = await once(child, 'close');
    expect(code).toBe(0);
    expect(said.split('\n')[0]).toBe(`reeve: http://${address} is not reached: "connect ECONNREFUSED ${address}"`);
    expect(said.match(/is not reached/g)).toHaveLength(1);
  });

  test.each([
    ['no town', [], {}, /name one town/],
    ['a town that is none', ['first-town'], {}, /name one town/],
    ['two towns', [TOWN, TOWN], {}, /name one town/],
    ['an option that it does not know', [TOWN, '--since', '1'], {}, /--since/],
    ['a place that is no number', [TOWN, '--after', 'now'], {}, /--after must be a number/],
    ['a place without a number', [TOWN, '--after'], {}, /--after/],
    ['an address that is none', [TOWN], { REEVE_URL: 'reeve' }, /REEVE_URL/],
    ['a folder without a token', [TOWN], { REEVE_STATE_DIR: '/nowhere' }, /no token/],
  ])('%s is one line on the terminal and exit code 2', (_, args, env, line) => {
    const { status, stdout, stderr } = run(args, env);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(line);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
