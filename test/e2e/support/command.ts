/** Commands of the README, run as a person would run them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const running = new Set<ChildProcess>();

export interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exited: Promise<number | null>;
}

/** Runs a command in a process group of its own. */
export function run(command: string, args: readonly string[], env: Record<string, string> = {}): Run {
  const child = spawn(command, args, { cwd: ROOT, env: { ...process.env, ...env }, detached: true });
  running.add(child);
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      running.delete(child);
      resolve(code);
    });
  });
  return { child, output: () => text, exited };
}

/** Ends whatever a test has left running. */
export async function endAll(): Promise<void> {
  for (const child of running) {
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('close', resolve));
  }
}

/** Resolves with the output once it holds `text`. */
export function untilPrinted(started: Pick<Run, 'output'>, text: string): Promise<string> {
  return vi.waitFor(
    () => {
      if (!started.output().includes(text)) throw new Error(`"${text}" was not printed, but: ${started.output()}`);
      return started.output();
    },
    { timeout: 90_000, interval: 100 },
  );
}

/** What the program itself printed: npm's own lines begin with `>`. */
export const linesOf = (ended: Run): string[] =>
  ended
    .output()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('>') && !line.startsWith('npm '));

/** The development token of a state folder. */
export const tokenIn = (dir: string): string =>
  /^REEVE_DEV_TOKEN='(.+)'$/m.exec(readFileSync(join(dir, 'dev.env'), 'utf8'))?.[1] ?? 'no token';
