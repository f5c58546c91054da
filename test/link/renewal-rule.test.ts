import { describe, expect, test } from 'vitest';
import { mayRenew } from '../../src/link/renewal-rule.ts';

const NOW_MS = Date.UTC(2030, 0, 1);
const MINUTE_MS = 60_000;

describe('a session that is refused', () => {
  test('is renewed at the third 401 in a row, and not before', () => {
    const counted = [1, 2, 3, 4].map((inARow) => mayRenew({ inARow, renewals: 0, renewedAtMs: null }, NOW_MS));
    expect(counted).toEqual([false, false, true, true]);
  });

  test('whose renewals did not help is renewed after 1 min, doubling to 1 h', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 8, 100].map((renewals) => {
      const at = (ms: number) => mayRenew({ inARow: 3, renewals, renewedAtMs: NOW_MS }, NOW_MS + ms);
      return Array.from({ length: 70 }, (_, minutes) => minutes).find(
        (minutes) => at(minutes * MINUTE_MS) && !at(minutes * MINUTE_MS - 1),
      );
    });
    // At the very moment of the last one nothing is ever due.
    expect(mayRenew({ inARow: 3, renewals: 1, renewedAtMs: NOW_MS }, NOW_MS)).toBe(false);
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  test('does not wait for a time that the clock was set back behind', () => {
    expect(mayRenew({ inARow: 3, renewals: 9, renewedAtMs: NOW_MS }, NOW_MS - 1)).toBe(true);
  });
});
