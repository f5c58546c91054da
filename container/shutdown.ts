import { atMost, type Clock } from './lib/clock.ts';
import type { Session } from './control/sessions.ts';

/** What agents have reported reaches the town within this (ms), or is lost with the process. */
const FLUSH_MS = 5_000;

/**
 * Ends what runs, in the order in which nothing is lost that can be saved: first the events and results reach the town, then the
 * agents stop, and with them their tokens. New requests are refused before this is called.
 */
export async function endSessions(clock: Clock, sessions: readonly Session[]): Promise<void> {
  await atMost(clock, FLUSH_MS, Promise.all(sessions.map(({ agents }) => agents.reported())));
  await Promise.all(sessions.map(({ agents }) => agents.end()));
}
