/** When a session that the control server refuses is replaced by another. Pure. */

/** What was refused since the last request that was accepted. */
export interface Refusals {
  /** 401 in a row, in the session that is stored. */
  readonly inARow: number;
  /** Sessions that were opened in place of a refused one. */
  readonly renewals: number;
  readonly renewedAtMs: number | null;
}

/** One 401 may be the repeat of a request that arrived; so many in a row say that the two sides disagree. */
const REFUSALS_BEFORE_RENEWAL = 3;
/** A renewal ends the turns under way, so where one did not help the next waits: a minute, doubling to an hour (ms). */
const FIRST_WAIT_MS = 60_000;
const MAX_WAIT_MS = 3_600_000;

/** Whether refusals in a row justify that a session is opened anew now. */
export function mayRenew({ inARow, renewals, renewedAtMs }: Refusals, nowMs: number): boolean {
  if (inARow < REFUSALS_BEFORE_RENEWAL) return false;
  if (renewedAtMs === null) return true;
  const waitMs = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(Math.max(renewals - 1, 0), 10));
  // A time that is yet to come: the clock was set back since, which is what a renewal is for.
  return nowMs < renewedAtMs || nowMs - renewedAtMs >= waitMs;
}
