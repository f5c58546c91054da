import { expect, it } from 'vitest';
import { backoffMs, randomShare } from '../../../container/lib/backoff.ts';

const BOUNDS = { firstMs: 500, maxMs: 30_000 };

it('doubles from the first wait to the last, with jitter in the upper half', () => {
  const waits = (share: number): number[] =>
    [1, 2, 3, 6, 7, 8, 1000].map((failures) => backoffMs(BOUNDS, failures, share));
  expect(waits(0)).toEqual([250, 500, 1_000, 8_000, 15_000, 15_000, 15_000]);
  expect(waits(0.999_999)).toEqual([500, 1_000, 2_000, 16_000, 30_000, 30_000, 30_000]);
});

it('never comes back before Retry-After', () => {
  expect(backoffMs(BOUNDS, 1, 0.5, 12_000)).toBe(12_000);
  expect(backoffMs(BOUNDS, 7, 0, 12_000)).toBe(15_000);
});

it('turns random bytes into a share from 0 up to, but not, 1', () => {
  expect(randomShare((count) => new Uint8Array(count))).toBe(0);
  expect(randomShare((count) => new Uint8Array(count).fill(128))).toBeCloseTo(0.502, 3);
  expect(randomShare((count) => new Uint8Array(count).fill(255))).toBeLessThan(1);
});
