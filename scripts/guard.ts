import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

/** What the guard reads, one line each: a process group or a folder that is there, or is not any more. */
export const GUARD_LINE = /^(\+|-)(group|folder) (.+)$/;

/**
 * A process that ends the process groups, and removes the temporary folders, of a command that died without doing so itself:
 * kill -9 leaves no time for it. The guard has a session of its own, so that no signal of the terminal reaches it, and learns of
 * the command's end by its standard input, which the system closes whatever the command died of.
 */
export class Guard {
  readonly #process: ChildProcess;

  /** `lock`: a file that is locked while the guard lives, so that the next command waits for what this one left behind. */
  constructor(lock?: string) {
    const program = join(import.meta.dirname, 'guard-process.ts');
    this.#process = spawn(process.execPath, [program, ...(lock === undefined ? [] : [lock])], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    // Writing fails once it is gone; the command goes on without it.
    this.#process.stdin?.on('error', () => undefined);
    this.#process.unref();
  }

  protect(leader: number): void {
    this.#write(`+group ${leader}`);
  }

  forget(leader: number): void {
    this.#write(`-group ${leader}`);
  }

  /** A folder that this command made for itself. */
  protectFolder(path: string): void {
    this.#write(`+folder ${path}`);
  }

  /** Nothing is left: the guard ends. */
  end(): void {
    this.#process.stdin?.end();
  }

  #write(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }
}
