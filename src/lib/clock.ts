/** Time comes in as an argument: rules take `now`, effects take a `Clock`, tests turn the hands. */
export interface Clock {
  /** Milliseconds since the epoch. Read again after every await that costs time. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** Calls `run` once after `ms`; what it answers takes that back. */
export type After = (ms: number, run: () => void) => () => void;

export const after: After = (ms, run) => {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};

/** A signal that aborts after `ms`. The count starts here, so make it when the request starts, not when it queues. */
export function deadline(ms: number): AbortSignal {
  return AbortSignal.timeout(ms);
}

/** Thrown where something took longer than it may. */
export class TimeUp extends Error {
  override readonly name = 'TimeUp';
}

/** Passes on what `work` comes to, or rejects with `TimeUp` after `ms`. The timer goes with the work: it keeps nothing awake. */
export async function within<T>(ms: number, work: Promise<T>, timer: After = after): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stopTimer = timer(ms, () => reject(new TimeUp(`no answer in ${ms} ms`)));
  try {
    return await Promise.race([work, promise]);
  } finally {
    stopTimer();
  }
}

/** RFC 3339 text of a time in ms, or null. */
export function timestamp(ms: number): string;
export function timestamp(ms: number | null): string | null;
export function timestamp(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
