import { describe, expect, test } from 'vitest';
import { nextLift, type Lifts } from '../../../src/town/containers/lift-plan.ts';

const NOW = Date.UTC(2100, 0, 1);
const NONE: Lifts = { lifts: 0, liftFromMs: 0 };

/** When a container that speaks as soon as a request to it has failed is tried, in seconds. */
function triesOf(count: number): number[] {
  let row = NONE;
  let nowMs = NOW;
  return Array.from({ length: count }, () => {
    const lifted = nextLift(row, nowMs);
    row = lifted;
    nowMs = lifted.atMs;
    return (nowMs - NOW) / 1000;
  });
}

describe('a sign of life', () => {
  test('lifts at once where none did before', () => {
    expect(nextLift(NONE, NOW)).toEqual({ atMs: NOW, lifts: 1, liftFromMs: NOW + 15_000 });
  });

  test('that comes too soon is not forgotten: it takes effect when its time has come', () => {
    expect(nextLift({ lifts: 0, liftFromMs: NOW + 5000 }, NOW)).toMatchObject({ atMs: NOW + 5000 });
    expect(nextLift({ lifts: 1, liftFromMs: NOW + 5000 }, NOW)).toMatchObject({ liftFromMs: NOW + 5000 + 30_000 });
  });

  test('that follows another lifts ever more rarely, every five minutes at last, however often it comes', () => {
    const at = triesOf(12);
    expect(at.slice(1).map((second, nth) => second - (at[nth] ?? 0))).toEqual([
      15, 30, 60, 120, 240, 300, 300, 300, 300, 300, 300,
    ]);
  });

  test('lifts at once again when five minutes long none was needed', () => {
    const row: Lifts = { lifts: 7, liftFromMs: NOW };
    expect(nextLift(row, NOW + 299_999).lifts).toBe(8);
    expect(nextLift(row, NOW + 300_000)).toEqual({ atMs: NOW + 300_000, lifts: 1, liftFromMs: NOW + 315_000 });
  });
});
