import { describe, expect, test } from 'vitest';
import { duration, relative } from '../../web/lib/time.ts';

const NOW = Date.parse('2027-01-01T12:00:00Z');
const at = (ms: number): string => new Date(NOW + ms).toISOString();

describe('a time for people', () => {
  test.each([
    [-5, '0 s'],
    [999, '0 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [3_599_999, '59 min'],
    [3_600_000, '1 h'],
    [3_660_000, '1 h 1 min'],
    [47 * 3_600_000, '47 h'],
    [48 * 3_600_000, '2 d'],
  ])('of %i ms is %s', (ms, words) => expect(duration(ms)).toBe(words));

  test('is said from where one stands', () => {
    expect([0, -1500, -5000, 90_000].map((ms) => relative(at(ms), NOW))).toEqual([
      'just now',
      'just now',
      '5 s ago',
      'in 1 min',
    ]);
  });
});
