/** Bounds of a retry that doubles, in ms. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * The wait after the `failures`-th failure in a row, in ms: doubling from `firstMs` to `maxMs`, with jitter in the upper half,
 * so that agents which failed together do not come back together. A server's Retry-After is a floor.
 * @param share a random number in [0, 1)
 */
export function backoffMs(bounds: Backoff, failures: number, share: number, retryAfterMs = 0): number {
  const doubled = Math.min(bounds.maxMs, bounds.firstMs * 2 ** Math.min(failures - 1, 30));
  return Math.max(Math.round(doubled * (0.5 + share / 2)), retryAfterMs);
}

/** A random number in [0, 1) from a source of random bytes. */
export function randomShare(randomBytes: (count: number) => Uint8Array): number {
  return randomBytes(4).reduce((sum, byte) => sum * 256 + byte, 0) / 2 ** 32;
}
