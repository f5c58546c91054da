import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

/** What the guard is told, one line each: a process group or a folder that is there, or is not any more. */
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
    // It cannot be told anything any more once it is gone; the command goes on without it.
    this.#process.stdin?.on('error', () => undefined);
    this.#process.unref();
  }

  watch(leader: number): void {
    this.#tell(`+group ${leader}`);
  }

  forget(leader: number): void {
    this.#tell(`-group ${leader}`);
  }

  /** A folder that this command made for itself. */
  watchFolder(path: string): void {
    this.#tell(`+folder ${path}`);
  }

  /** Nothing is left: the guard ends. */
  end(): void {
    this.#process.stdin?.end();
  }

  #tell(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }
}
