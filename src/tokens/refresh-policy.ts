/** When a token is due. Pure: the whole rule of when a token is refreshed is in this file. */

/** A failed push is tried again within 15 s, doubling to 5 min, for as long as the agent lives. */
export const PUSH_RETRY = { firstMs: 15_000, maxMs: 300_000 } as const;
/** Stored before anything is sent: if the object dies in between, the push is made again this much later (ms). */
export const SAFETY_RETRY_MS = 15_000;
/** A call with a generation below the acked one counts as lagging this long after the ack (ms): requests under way are no sign. */
export const LAG_GRACE_MS = 60_000;
/** A mint that is unacked this long (ms) is reported to the agent in the answer to its heartbeat. */
export const UNACKED_GRACE_MS = 10_000;

/**
 * The first sweep after `afterMs`. Each town sweeps at a phase of its own in the interval, a hash of its id, so that thousands
 * of towns do not sweep at once, and the same town sweeps at the same minute for ever.
 */
export function nextSweepAt(townId: string, intervalMs: number, afterMs: number): number {
  const phase = hash(townId) % intervalMs;
  const cycles = Math.floor((afterMs - phase) / intervalMs) + 1;
  return cycles * intervalMs + phase;
}

/** What the sweep asks of one agent's token. */
export interface TokenAge {
  /** When the acked generation was issued, or null: none was acked yet. */
  readonly issuedAtMs: number | null;
  /** When the last generation was minted. */
  readonly mintedAtMs: number;
  /** When its push is tried again, or null: nothing is open. */
  readonly retryAtMs: number | null;
  /** Key of the acked generation, or null. */
  readonly kid: string | null;
}

/** The sweep that asks. */
export interface SweepTime {
  /** When it fell due, and the time now. */
  readonly sweepAtMs: number;
  readonly nowMs: number;
  readonly intervalMs: number;
  readonly activeKid: string;
}

/**
 * Whether a sweep refreshes this token.
 * - Signed by a key that is no longer the active one: yes, at any age, so that a new key set reaches every agent.
 * - Younger than half the interval: no. A delivery has just renewed it, and at the next sweep it still has more than half of its
 *   lifetime left.
 * - Pushed since the sweep fell due and not acked: no. That push has its own retry, so a sweep that continues in a second run of the
 *   alarm refreshes no agent twice (S-04).
 */
export function dueInSweep(token: TokenAge, sweep: SweepTime): boolean {
  if (token.retryAtMs !== null && token.mintedAtMs >= sweep.sweepAtMs) return false;
  if (token.issuedAtMs === null || token.kid !== sweep.activeKid) return true;
  return sweep.nowMs - token.issuedAtMs >= sweep.intervalMs / 2;
}

/** FNV-1a, 32 bit: spreads ids evenly and is the same in every runtime. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  }
  return value >>> 0;
}
