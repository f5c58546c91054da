/** When a sign of life of a container lifts what is held against it. Pure. */
import { PUSH_RETRY } from '../tokens/refresh-policy.ts';

export interface Lifts {
  /** Lifts in a row, each soon after the one before. */
  readonly lifts: number;
  /** The next sign of life lifts no sooner than this (ms). */
  readonly liftFromMs: number;
}

/**
 * The row after a lift now, or null: it comes too soon. The first sign of life lifts at once. What is tried then fails again where a
 * container speaks and yet cannot be reached; so lifts that follow each other come no closer than 15 s, doubling to 5 min, which is
 * the pace of retries without any sign. After five minutes in which none was needed the row begins anew.
 */
export function nextLift({ lifts, liftFromMs }: Lifts, nowMs: number): Lifts | null {
  if (nowMs < liftFromMs) return null;
  const row = nowMs - liftFromMs >= PUSH_RETRY.maxMs ? 0 : Math.min(lifts, 30);
  return { lifts: row + 1, liftFromMs: nowMs + Math.min(PUSH_RETRY.firstMs * 2 ** row, PUSH_RETRY.maxMs) };
}
