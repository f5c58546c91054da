/** Time is an argument: pure rules take `now`, effects take a `Clock`, and tests pass a clock that they set. */
export interface Clock {
  /** Milliseconds since the epoch. Read again after every await that costs time. */
  now(): number;
}

/** The time of this machine. Entry points pass it on; nothing else reads the time of day. */
export const systemClock: Clock = { now: () => Date.now() };

/** Calls `run` once after `ms`; the returned function cancels that. */
export type After = (ms: number, run: () => void) => () => void;

/** The platform's timer. A pending one keeps a Durable Object in memory, so cancel it with the work that it bounds. */
export const after: After = (ms, run) => {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};

/**
 * Runs `work` with a signal that aborts after `ms`, with a `TimeoutError`. The count starts here, so call it when the request
 * starts, not when it queues. The timer ends with the work: one that is left pending keeps a Durable Object in memory.
 */
export async function withDeadline<T>(
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  timer: After = after,
): Promise<T> {
  const controller = new AbortController();
  const stopTimer = timer(ms, () => controller.abort(new DOMException(`no answer in ${ms} ms`, 'TimeoutError')));
  try {
    return await work(controller.signal);
  } finally {
    stopTimer();
  }
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

/**
 * Works on the items with `lanes` workers at a time, so that a slow item delays one worker and no other. Bound each piece of
 * work with `within`; it must not reject. Items may come page by page.
 */
export async function sideBySide<T>(
  lanes: number,
  items: Iterable<T> | AsyncIterable<T>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = iteratorOf(items);
  const lane = async (): Promise<void> => {
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

async function* iteratorOf<T>(items: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T, void> {
  yield* items;
}

/** RFC 3339 text of a time in ms, or null. */
export function timestamp(ms: number): string;
export function timestamp(ms: number | null): string | null;
export function timestamp(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
