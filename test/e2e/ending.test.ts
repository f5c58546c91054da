/** What people do to a command that runs: Ctrl-C, a window that is closed, a kill. Nothing that it started stays. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/ports.ts';
import { PATIENT } from '../support/patient.ts';
import { CTRL_C, openTerminal, processesWith, untilNoneWith, type Terminal } from './support/terminal.ts';
import { addDirectory } from './support/migrated.ts';

const ROOT = join(import.meta.dirname, '../..');
const SLOW = { ...PATIENT, timeout: 90_000 };

/** In the environment of all that a test begins. */
let folder: string;
let env: Record<string, string>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'reeve-ending-'));
  // `npm run demo` keeps its state in a temporary folder.
  mkdirSync(join(folder, 'tmp'));
  addDirectory(join(folder, 'state'));
  env = {
    REEVE_STATE_DIR: join(folder, 'state'),
    TMPDIR: join(folder, 'tmp'),
    PORT: String(await freePort()),
    CONTAINER_PORT: String(await freePort()),
  };
});

afterEach(async () => {
  for (const line of processesWith(folder)) process.kill(Number.parseInt(line, 10), 'SIGKILL');
  await untilNoneWith(folder);
  rmSync(folder, { recursive: true, force: true });
});

/** Node keeps a cache of its own beside them. */
const demoFolders = () => readdirSync(join(folder, 'tmp')).filter((name) => name.startsWith('reeve-'));
const until = (terminal: Terminal, text: string) => expect.poll(terminal.output, SLOW).toContain(text);

describe.runIf(process.platform === 'linux')('Ctrl-C in a terminal', () => {
  it.each([
    ['npm start', 'reeve: starting'],
    ['npm start', 'reeve ready'],
    ['npm run demo', 'control server start'],
    ['npm run demo', 'three agents'],
  ])('ends %s, which has said "%s", with all that it started, however often it is pressed', async (command, said) => {
    const terminal = openTerminal(command, env);
    await until(terminal, said);
    terminal.type(CTRL_C);
    terminal.type(CTRL_C);
    await terminal.exited;
    await untilNoneWith(folder);
    expect(demoFolders()).toEqual([]);
  });
});

describe.runIf(process.platform === 'linux')('a command that dies without a word', () => {
  it('npm start: the guard ends what a kill -9 leaves behind, and the next start has the folder and the ports', async () => {
    const launcher = spawn(process.execPath, ['scripts/start.ts'], {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let printed = '';
    launcher.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    await expect.poll(() => printed, SLOW).toContain('reeve ready');
    launcher.kill('SIGKILL');
    await untilNoneWith(folder);
    const next = openTerminal('npm start', env);
    await until(next, 'reeve ready');
    next.close();
    await untilNoneWith(folder);
  });

  it('npm run demo: a kill -9 leaves no process and no folder', async () => {
    const launcher = spawn(process.execPath, ['scripts/demo.ts'], {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let printed = '';
    launcher.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    await expect.poll(() => printed, SLOW).toContain('start;');
    launcher.kill('SIGKILL');
    await untilNoneWith(folder);
    expect(demoFolders()).toEqual([]);
  });

  it('npm start | head: a reader that has had enough ends it', async () => {
    // npm speaks first, whatever runs this test; its reader has gone by the time at which the stack is ready.
    const terminal = openTerminal('npm start | head -c 1', { ...env, npm_config_loglevel: 'notice' });
    await terminal.exited;
    await untilNoneWith(folder);
  });
});
