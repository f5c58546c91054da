/** How often an agent that does not get through a turn is started again. Pure. */

/** Waits (ms) before each restart without a finished turn in between: at once, then ever more rarely. */
const WAITS_MS = [0, 30_000, 60_000, 120_000, 300_000, 600_000] as const;
/** An agent that was given up with unfinished messages is tried again after this (ms). */
export const REVIVE_AFTER_MS = 30 * 60_000;

/**
 * The wait before the next restart, in ms, or null: the agent has failed.
 * @param restarts how many there were since its last finished turn
 */
export function restartWaitMs(restarts: number): number | null {
  return WAITS_MS[restarts] ?? null;
}
