/** One child process in a group of its own: its pipes, its end, and how it is ended. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { afterWhile, pause, type Clock } from '../../lib/clock.ts';
import { StartError } from '../agent-process.ts';
import type { AgentUser } from '../users/agent-users.ts';
import type { OrphanGuard } from './orphan-guard.ts';
import { killMarked, killUser, signalGroup } from './process-group.ts';
import type { StderrTail } from './stderr-tail.ts';

/** After SIGTERM a group has this long (ms) before SIGKILL. */
export const TERM_MS = 10_000;
/** What a process has written before its end is read for this long (ms): a child of it may hold its pipes open. */
const LAST_WORDS_MS = 200;

export interface ChildOrder {
  readonly file: string;
  readonly args: readonly string[];
  /** As `ps` shows it. */
  readonly argv0: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly mark: string;
  /** Null: the control server's own. */
  readonly user: AgentUser | null;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class AgentChild {
  readonly pid: number;
  readonly input: Writable;
  readonly output: Readable;
  /** Resolves when it is gone, with all of its group, and what it wrote was read. */
  readonly exited: Promise<ChildExit>;
  readonly #clock: Clock;
  #stopping: Promise<void> | null = null;

  private constructor(
    process: ChildProcessByStdio<Writable, Readable, Readable>,
    pid: number,
    exited: Promise<ChildExit>,
    clock: Clock,
  ) {
    this.pid = pid;
    this.input = process.stdin;
    this.output = process.stdout;
    this.exited = exited;
    this.#clock = clock;
  }

  /** Starts it; resolves when there is a process. Rejects with `StartError`. */
  static start(order: ChildOrder, tail: StderrTail, guard: OrphanGuard, clock: Clock): Promise<AgentChild> {
    const { file, args, argv0, cwd, env, mark, user } = order;
    // With a user, the system's call for other groups is made too, with none.
    const ids = user === null ? {} : { uid: user.uid, gid: user.gid };
    return new Promise((resolve, reject) => {
      const child = spawn(file, args, { argv0, cwd, env, ...ids, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
      child.stderr.on('data', (chunk: Buffer) => tail.add(chunk));
      // What it does not read or write any more shows in its end.
      for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.on('error', () => {});
      const { pid } = child;
      child.once('error', (thrown: Error & { code?: string }) => reject(startError(thrown, file)));
      if (pid === undefined) return;
      const release = guard.protect(pid, mark, user?.uid ?? null);
      const closed = new Promise<void>((done) => child.once('close', () => done()));
      const exited = new Promise<ChildExit>((done) => {
        child.once('exit', (code, signal) => {
          const over = new AbortController();
          void Promise.race([closed, pause(clock, over.signal, LAST_WORDS_MS)]).then(async () => {
            over.abort();
            // What outlived it: its children, also those that left its group.
            signalGroup(pid, 'SIGKILL');
            if (user === null) killMarked([mark]);
            else await killUser(user.uid);
            release();
            for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy();
            done({ code, signal });
          });
        });
      });
      child.once('spawn', () => resolve(new AgentChild(child, pid, exited, clock)));
    });
  }

  /** End of its input and SIGTERM, after 10 s SIGKILL, to the whole group. Resolves when it is gone. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  /** SIGKILL at once. */
  kill(): void {
    signalGroup(this.pid, 'SIGKILL');
  }

  async #end(): Promise<void> {
    this.input.end();
    signalGroup(this.pid, 'SIGTERM');
    const over = new AbortController();
    afterWhile(this.#clock, over.signal, TERM_MS, () => this.kill());
    await this.exited;
    over.abort();
  }
}

/** A spawn can still fail where the file was found: its interpreter is missing, or the system has no room. */
function startError({ code = 'unknown' }: { code?: string }, file: string): StartError {
  if (code === 'ENOENT') return new StartError('command_not_found', `the interpreter of ${file} is not there`);
  if (code === 'EACCES') return new StartError('not_executable', `${file} may not be executed`);
  return new StartError('spawn_failed', `${file} could not be started: ${code}`);
}
