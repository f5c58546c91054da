/** Child processes that are always stopped: each has a process group of its own, so that nothing of it stays. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Guard } from './guard.ts';
import { signalGroup } from './process-group.ts';

export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Resolves with the exit code, or -1 where a signal ended it. Never rejects. */
  readonly exited: Promise<number>;
  /** SIGTERM, after `graceMs` SIGKILL, to the whole group. Idempotent; resolves when it is gone. */
  stop(graceMs?: number): Promise<void>;
  /** SIGKILL at once, as a crash would. */
  kill(): void;
}

export interface Program {
  readonly name: string;
  readonly args: readonly string[];
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Its output is appended here; the file is 0600. */
  readonly logFile: string;
}

const GRACE_MS = 8000;

/** Starts a Node program with the Node that runs this one. The guard ends it where this process dies first. */
export function startChild(program: Program, guard: Guard): Child {
  const log = openSync(program.logFile, 'a', 0o600);
  const child: ChildProcess = spawn(process.execPath, program.args, {
    env: program.env,
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program.name} could not be started`);
  guard.protect(pid);
  let over = false;
  const exited = new Promise<number>((resolve) => {
    child.once('exit', (code) => {
      over = true;
      // What outlived it: wrangler may leave its workerd.
      signalGroup(pid, 'SIGKILL');
      guard.forget(pid);
      resolve(code ?? -1);
    });
  });
  const signal = (name: NodeJS.Signals): boolean => signalGroup(pid, name);
  return {
    name: program.name,
    pid,
    exited,
    stop: async (graceMs = GRACE_MS) => {
      if (!over) signal('SIGTERM');
      const timer = setTimeout(() => void signal('SIGKILL'), graceMs);
      await exited;
      clearTimeout(timer);
    },
    kill: () => {
      if (!over) signal('SIGKILL');
    },
  };
}
