import { describe, expect, test } from 'vitest';
import { backoffMs, randomShare } from '../../src/lib/backoff.ts';
import { randomFrom } from '../support/random.ts';

const BOUNDS = { firstMs: 15_000, maxMs: 300_000 };

describe('the wait after a failure', () => {
  test('its ceiling doubles with each failure and ends at the maximum', () => {
    const ceilings = [1, 2, 3, 4, 5, 6, 7, 1000].map((tries) => backoffMs(BOUNDS, tries, 0.999_999_9));
    expect(ceilings).toEqual([15_000, 30_000, 60_000, 120_000, 240_000, 300_000, 300_000, 300_000]);
  });

  test('is never below a second, whatever the dice say', () => {
    for (const failures of [1, 2, 5, 50]) expect(backoffMs(BOUNDS, failures, 0)).toBe(1000);
  });

  test('with equal jitter lies in the upper half below its ceiling', () => {
    const equal = { firstMs: 500, maxMs: 30_000, jitter: 'equal' } as const;
    const waits = (share: number): number[] => [1, 2, 3, 6, 7, 8, 1000].map((nth) => backoffMs(equal, nth, share));
    expect(waits(0)).toEqual([250, 500, 1_000, 8_000, 15_000, 15_000, 15_000]);
    expect(waits(0.999_999)).toEqual([500, 1_000, 2_000, 16_000, 30_000, 30_000, 30_000]);
    expect(backoffMs(equal, 7, 0, 12_000)).toBe(15_000);
  });

  test.each([
    [1, 15_000],
    [6, 300_000],
  ])('after failure %i is spread over the whole range, so that what failed together comes back apart', (nth, most) => {
    const random = randomFrom(1);
    const waits = Array.from({ length: 1000 }, () => backoffMs(BOUNDS, nth, random()));
    const quarter = (most - 1000) / 4;
    for (const part of [0, 1, 2, 3]) {
      const inPart = waits.filter((wait) => Math.floor((wait - 1000) / quarter) === part).length;
      expect(inPart).toBeGreaterThan(200);
      expect(inPart).toBeLessThan(300);
    }
  });

  test('is at least what the server asked for, also above the maximum', () => {
    expect(backoffMs(BOUNDS, 1, 0.5, 30_000)).toBe(30_000);
    expect(backoffMs(BOUNDS, 9, 0.5, 3_600_000)).toBe(3_600_000);
    expect(backoffMs(BOUNDS, 9, 1 - Number.EPSILON, 1000)).toBe(300_000);
  });

  test('is whole milliseconds, also for a count of failures that makes no sense', () => {
    for (const tries of [-1, 0, 1, 2]) expect(Number.isInteger(backoffMs(BOUNDS, tries, 0.123))).toBe(true);
    expect(backoffMs(BOUNDS, 0, 0.5)).toBe(8000);
  });
});

test('random bytes become a share from 0 up to, but not, 1', () => {
  expect(randomShare((count) => new Uint8Array(count))).toBe(0);
  expect(randomShare((count) => new Uint8Array(count).fill(128))).toBeCloseTo(0.502, 3);
  expect(randomShare((count) => new Uint8Array(count).fill(255))).toBeLessThan(1);
});
