/** Bounds of a retry that doubles, in ms. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** No retry comes sooner (ms): one at once would meet what has just failed. */
const LEAST_MS = 1000;

/**
 * The wait after the `failures`-th failure in a row, in ms: full jitter, the first time too, so that what failed together comes
 * back apart. It lies anywhere between a second and a ceiling, which is `firstMs` after the first failure and doubles to `maxMs`.
 * A server's Retry-After is a floor.
 * @param failures how often it failed so far, at least 1
 * @param random a number in [0, 1)
 */
export function backoffMs(bounds: Backoff, failures: number, random: number, retryAfterMs = 0): number {
  const ceiling = Math.min(bounds.maxMs, bounds.firstMs * 2 ** Math.max(0, Math.min(failures - 1, 30)));
  const least = Math.min(LEAST_MS, ceiling);
  return Math.max(Math.round(least + random * (ceiling - least)), retryAfterMs);
}
