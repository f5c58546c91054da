import { atMost, pause, type Clock } from './lib/clock.ts';
import { firstAbort } from './lib/first-abort.ts';
import type { Session } from './control/sessions.ts';

/** What agents have reported reaches the town within this (ms), or is lost with the process. */
const FLUSH_MS = 5_000;

/** How the turns are waited for that are under way when the end is announced. */
export interface Drain {
  readonly clock: Clock;
  readonly withinMs: number;
  /** Cuts the wait short. */
  readonly life: AbortSignal;
}

/**
 * No turn begins from here on; resolves when those under way are over, when the time is, or when it is cut short. What has not come
 * to its end by then ends with its agent, and the town queues it again. New messages and agents are refused before this is called.
 */
export async function drainSessions({ clock, withinMs, life }: Drain, sessions: readonly Session[]): Promise<void> {
  const waiting = firstAbort(life);
  void Promise.all(sessions.map(({ agents }) => agents.drain())).then(waiting.end);
  await pause(clock, waiting.signal, withinMs);
  waiting.end();
}

/**
 * Ends what runs, in the order in which nothing is lost that can be saved: first the events and results reach the town, then the
 * agents stop, and with them their tokens. New requests are refused before this is called.
 */
export async function endSessions(clock: Clock, sessions: readonly Session[]): Promise<void> {
  await atMost(clock, FLUSH_MS, Promise.all(sessions.map(({ agents }) => agents.reported())));
  await Promise.all(sessions.map(({ agents }) => agents.end()));
}
