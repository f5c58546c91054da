import { appendFileSync } from 'node:fs';
import { startChild, type Child, type Program } from './child.ts';
import type { Guard } from './guard.ts';

/** A program that ends by itself has this long (ms) until it is started again, doubling while it dies young. */
const RESTART_MS = { first: 250, max: 5000, young: 5000 };
/** A control server has this long (ms): it reports for 5 s, and its agents have 10 s before they are killed. */
const CONTROL_GRACE_MS = 20_000;

export interface Kept {
  /** Null between two runs. */
  readonly pid: () => number | null;
  /** SIGKILL at once, as a crash would; it is started again. */
  readonly crash: () => void;
  readonly stop: () => Promise<void>;
}

/** Starts a control server, and again whenever it ends by itself, with what `program` then says. */
export function keepRunning(program: () => Program, guard: Guard): Kept {
  let child: Child | null = null;
  let stopping = false;
  let wait = RESTART_MS.first;
  let timer: NodeJS.Timeout | undefined;
  const run = (): void => {
    const startedAt = Date.now();
    const started = program();
    const current = startChild(started, guard);
    child = current;
    void current.exited.then((code) => {
      child = null;
      if (stopping) return;
      wait = Date.now() - startedAt < RESTART_MS.young ? Math.min(wait * 2, RESTART_MS.max) : RESTART_MS.first;
      appendFileSync(started.logFile, `${started.name} ended with code ${code}; starting again in ${wait} ms\n`);
      timer = setTimeout(run, wait);
    });
  };
  run();
  return {
    pid: () => child?.pid ?? null,
    crash: () => child?.kill(),
    stop: async () => {
      stopping = true;
      clearTimeout(timer);
      await child?.stop(CONTROL_GRACE_MS);
    },
  };
}
