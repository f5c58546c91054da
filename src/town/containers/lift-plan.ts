/** When a sign of life of a container ends the backoff after a failure. Pure. */
import { PUSH_RETRY } from '../../tokens/refresh-policy.ts';

/** How often signs of life ended a backoff early, without an answer in between. */
export interface Lifts {
  /** Lifts in a row, each soon after the one before. */
  readonly lifts: number;
  /** No lift takes effect sooner than this (ms). */
  readonly liftFromMs: number;
}

/** A sign so soon (ms) after a request that was not answered was on its way with it, and says nothing new: it counts from then on. */
export const LIFT_AFTER_FAILURE_MS = 5000;

/**
 * The row after a sign of life now, and when it takes effect: at once, where none did lately. What is tried then fails again where a
 * container speaks and yet cannot be reached; so lifts that follow each other come no closer than 15 s, doubling to 5 min, which is
 * the pace of retries without any sign. After five minutes in which none was needed the row begins anew.
 */
export function nextLift({ lifts, liftFromMs }: Lifts, nowMs: number): Lifts & { readonly atMs: number } {
  const atMs = Math.max(nowMs, liftFromMs);
  const row = nowMs - liftFromMs >= PUSH_RETRY.maxMs ? 0 : Math.min(lifts, 30);
  return { atMs, lifts: row + 1, liftFromMs: atMs + Math.min(PUSH_RETRY.firstMs * 2 ** row, PUSH_RETRY.maxMs) };
}
