import { describe, expect, test } from 'vitest';
import { nextLift, type Lifts } from '../../src/town/lift-plan.ts';

const NOW = Date.UTC(2100, 0, 1);
const NONE: Lifts = { lifts: 0, liftFromMs: 0 };

/** When a container that speaks each second, and can never be reached, lifts what is held against it, in seconds. */
function liftsOf(seconds: number): number[] {
  let row = NONE;
  const at: number[] = [];
  for (let second = 0; second < seconds; second += 1) {
    const lifted = nextLift(row, NOW + second * 1000);
    if (lifted === null) continue;
    at.push(second);
    row = lifted;
  }
  return at;
}

describe('a sign of life', () => {
  test('lifts at once where none did before', () => {
    expect(nextLift(NONE, NOW)).toEqual({ lifts: 1, liftFromMs: NOW + 15_000 });
  });

  test('that follows another lifts ever more rarely, every five minutes at last, however often it comes', () => {
    const at = liftsOf(3600);
    const gaps = at.slice(1).map((second, nth) => second - (at[nth] ?? 0));
    expect(gaps.slice(0, 6)).toEqual([15, 30, 60, 120, 240, 300]);
    expect(new Set(gaps.slice(5))).toEqual(new Set([300]));
  });

  test('lifts at once again when five minutes long none was needed', () => {
    const row: Lifts = { lifts: 7, liftFromMs: NOW };
    expect(nextLift(row, NOW - 1)).toBeNull();
    expect(nextLift(row, NOW + 299_999)?.lifts).toBe(8);
    expect(nextLift(row, NOW + 300_000)).toEqual({ lifts: 1, liftFromMs: NOW + 315_000 });
  });
});
