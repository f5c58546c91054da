/** A real terminal (pty), as `script` of util-linux makes one: what is typed passes its line discipline, so 0x03 is Ctrl-C. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
export const CTRL_C = '\u0003';
/** Far more than the longest grace of a child (ms). */
const PATIENCE = { timeout: 30_000, interval: 100 };

export interface Terminal {
  readonly type: (text: string) => void;
  readonly output: () => string;
  /** The window is closed: everything in it hears SIGHUP. */
  readonly close: () => void;
  readonly exited: Promise<unknown>;
}

/** Every process begun from here carries `mark` in its environment or arguments, so that what is left of it is found. */
export function openTerminal(command: string, env: Readonly<Record<string, string>>): Terminal {
  const child: ChildProcess = spawn('script', ['-qfec', command, '/dev/null'], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return {
    type: (typed) => void child.stdin?.write(typed),
    output: () => text,
    close: () => child.kill('SIGKILL'),
    exited: new Promise((resolve) => child.once('close', resolve)),
  };
}

/** Command lines of the processes that have this text in their arguments or their environment. Linux only. */
export function processesWith(mark: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .flatMap((pid) => {
      const line = textOf(`/proc/${pid}/cmdline`);
      return line.includes(mark) || textOf(`/proc/${pid}/environ`).includes(mark)
        ? [`${pid} ${line.slice(0, 100)}`]
        : [];
    });
}

/** Resolves when none is left; otherwise it tells which are. */
export function untilNoneWith(mark: string): Promise<void> {
  return vi.waitFor(() => {
    const left = processesWith(mark);
    if (left.length > 0) throw new Error(`still there: ${left.join('; ')}`);
  }, PATIENCE);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // It ended in the meantime.
  }
}
