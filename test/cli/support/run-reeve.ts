/** The program as the package has it, and as a person runs it: in a folder and with a home of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildPackage } from '../../../scripts/build-package.ts';

const ROOT = join(import.meta.dirname, '../../..');

interface Ran {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

/** Built once; `close` ends all that runs of it, and leaves nothing. */
export async function installReeve() {
  const folder = mkdtempSync(join(tmpdir(), 'reeve-built-'));
  await buildPackage(join(folder, 'dist/package'));
  cpSync(join(ROOT, 'bin'), join(folder, 'bin'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const shells: Shell[] = [];
  return {
    openShell: (): Shell => {
      const shell = new Shell(join(folder, 'bin/reeve.js'));
      shells.push(shell);
      return shell;
    },
    close: (): void => {
      for (const shell of shells) shell.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A person's terminal: a folder, and what runs in it. */
export class Shell {
  readonly #program: string;
  /** Current folder, and home of the profile. */
  readonly folder = mkdtempSync(join(tmpdir(), 'reeve-cli-'));
  readonly #running = new Set<ChildProcess>();

  constructor(program: string) {
    this.#program = program;
  }

  /** Runs until it ends. */
  async run(args: readonly string[], { stdin = '', env = {} }: { stdin?: string; env?: Record<string, string> } = {}) {
    const { child, said } = this.start(args, env);
    child.stdin?.end(stdin);
    const [code]: unknown[] = await once(child, 'close');
    return { code, stdout: said.stdout, stderr: said.stderr } satisfies Ran;
  }

  /** Runs on; `said` grows. */
  start(args: readonly string[], env: Record<string, string> = {}) {
    const own = {
      PATH: process.env['PATH'] ?? '',
      HOME: this.folder,
      XDG_CONFIG_HOME: join(this.folder, 'config'),
      NODE_COMPILE_CACHE: join(dirname(this.#program), 'compiled'),
    };
    const child = spawn(process.execPath, [this.#program, ...args], {
      cwd: this.folder,
      env: { ...own, ...env },
      stdio: 'pipe',
    });
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => void (said.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => void (said.stderr += chunk.toString()));
    // One that ends before it has read all is no failure of the test.
    child.stdin.on('error', () => undefined);
    this.#running.add(child);
    child.once('close', () => this.#running.delete(child));
    return { child, said };
  }

  /** What `npm start` leaves in the current folder. */
  asLocalStack(token: string): void {
    mkdirSync(join(this.folder, '.reeve'));
    writeFileSync(join(this.folder, '.reeve/auth-header'), `Authorization: Bearer ${token}\n`);
  }

  close(): void {
    for (const child of this.#running) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
