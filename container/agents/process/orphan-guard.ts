import { spawn, type ChildProcess } from 'node:child_process';
import { programFile } from '../../lib/program-file.ts';

/**
 * What the guard reads, one line each: a process group, the mark of its incarnation, and its user where that is its own,
 * that are there or not any more.
 */
export const GUARD_LINE = /^(\+|-)(\d+) (\S+)(?: (\d+))?$/;

/**
 * A process that ends the agents of a control server which died without doing so itself: kill -9 leaves no time for it. The guard is
 * in a session of its own, so that no signal meant for the server reaches it, and learns of the server's end by its standard input,
 * which the system closes whatever the server died of. It runs while there are agents.
 */
export class OrphanGuard {
  readonly #program: string;
  #process: ChildProcess | null = null;
  #groups = 0;

  constructor(program = programFile('agents/process/orphan-guard-process')) {
    this.#program = program;
  }

  /** Ends the group if the server dies, until the returned function is called. */
  protect(leader: number, mark: string, uid: number | null): () => void {
    this.#groups += 1;
    this.#process ??= this.#start();
    const line = uid === null ? `${leader} ${mark}` : `${leader} ${mark} ${uid}`;
    this.#write(`+${line}`);
    return () => {
      this.#groups -= 1;
      this.#write(`-${line}`);
      if (this.#groups > 0) return;
      this.#process?.stdin?.end();
      this.#process = null;
    };
  }

  #start(): ChildProcess {
    const guard = spawn(process.execPath, [this.#program], {
      env: {},
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    // Writing fails once it is gone; the server goes on without it.
    guard.stdin.on('error', () => {});
    guard.on('error', () => {});
    guard.unref();
    return guard;
  }

  #write(line: string): void {
    this.#process?.stdin?.write(`${line}\n`);
  }
}
