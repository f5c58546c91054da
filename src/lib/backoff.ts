/** Bounds of a retry that doubles, in ms. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * The wait before try number `tries + 1`, in ms: at least `firstMs`, so that nobody comes back at once, and with full jitter up
 * to a ceiling that doubles to `maxMs`, so that objects which failed together come apart. A server's Retry-After is a floor.
 * @param tries how often it failed so far, at least 1
 * @param random a number in [0, 1)
 */
export function backoffMs(bounds: Backoff, tries: number, random: number, retryAfterMs = 0): number {
  const ceiling = Math.min(bounds.maxMs, bounds.firstMs * 2 ** Math.max(0, Math.min(tries - 1, 30)));
  const jittered = bounds.firstMs + random * Math.max(0, ceiling - bounds.firstMs);
  return Math.max(Math.round(jittered), retryAfterMs);
}
