/** Bounds of a retry that doubles, in ms. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
  /** How the wait is spread below its ceiling: over the whole range from a second on (`full`, the default), or over its upper half. */
  readonly jitter?: 'full' | 'equal';
}

/** With full jitter no retry comes sooner (ms): one at once would meet what has just failed. */
const LEAST_MS = 1000;

/**
 * The wait after the `failures`-th failure in a row, in ms. It lies below a ceiling, which is `firstMs` after the first failure and
 * doubles to `maxMs`, with jitter the first time too, so that what failed together comes back apart. A server's Retry-After is a
 * floor.
 * @param failures how often it failed so far, at least 1
 * @param random a number in [0, 1)
 */
export function backoffMs(bounds: Backoff, failures: number, random: number, retryAfterMs = 0): number {
  const ceiling = Math.min(bounds.maxMs, bounds.firstMs * 2 ** Math.max(0, Math.min(failures - 1, 30)));
  const least = bounds.jitter === 'equal' ? ceiling / 2 : Math.min(LEAST_MS, ceiling);
  return Math.max(Math.round(least + random * (ceiling - least)), retryAfterMs);
}

/** A random number in [0, 1) from a source of random bytes. */
export function randomShare(randomBytes: (count: number) => Uint8Array): number {
  return randomBytes(4).reduce((sum, byte) => sum * 256 + byte, 0) / 2 ** 32;
}
