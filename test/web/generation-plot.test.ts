import { describe, expect, test } from 'vitest';
import type { Credential } from '../../client/index.ts';
import { barsOf, spanOf, ticksOf } from '../../web/views/generation-plot.ts';

const NOW = Date.parse('2027-01-01T12:00:00Z');
const HOUR = 3_600_000;
const at = (hours: number): string => new Date(NOW + hours * HOUR).toISOString();

const generation = (number: number, changes: Partial<Credential['items'][number]> = {}) => ({
  generation: number,
  incarnation: 1,
  reason: 'sweep' as const,
  issued_at: at(-2),
  acked_at: at(-2),
  first_used_at: at(-1),
  expires_at: at(2),
  outcome: 'swapped',
  error: null,
  revoked_at: null,
  ...changes,
});

const SPAN = { from: NOW - 4 * HOUR, to: NOW + 4 * HOUR };
const only = (changes: Partial<Credential['items'][number]>) =>
  barsOf({ items: [generation(1, changes)], refusals: [] }, SPAN)[0];

describe('the life of a generation', () => {
  test('is drawn from its issue to its end, with what happened in between', () => {
    expect(only({})).toMatchObject({ start: 0.25, end: 0.75, acked: 0.25, used: 0.375 });
  });

  test('ends where it is refused, if that comes before it expires', () => {
    expect(only({ revoked_at: at(0) })).toMatchObject({ end: 0.5, isCut: true });
    expect(only({ revoked_at: at(3) })).toMatchObject({ end: 0.75, isCut: false });
  });

  test('is drawn for a moment where nothing confirmed it', () => {
    const bar = only({ acked_at: null, expires_at: null, first_used_at: null });
    expect(bar).toMatchObject({ acked: null, used: null });
    expect((bar?.end ?? 0) - (bar?.start ?? 0)).toBeCloseTo(120_000 / (8 * HOUR));
  });

  test('is cut at the edges, and left out where none of it is drawn', () => {
    expect(only({ issued_at: at(-9), acked_at: at(-9) })).toMatchObject({ start: 0, acked: null });
    expect(only({ issued_at: at(-9), expires_at: at(-5) })).toBeUndefined();
  });

  test('has the refusals of its own calls, and of no other', () => {
    const refusal = { at: at(-1), last_at: at(0), count: 3, reason: 'token_expired' as const, generation: 1 };
    const bars = barsOf({ items: [generation(2), generation(1)], refusals: [refusal] }, SPAN);
    expect(bars.map(({ refusals }) => refusals.map((one) => one.at))).toEqual([[], [0.5]]);
  });
});

describe('what is drawn', () => {
  test('reaches from what was asked for to the end of the last token', () => {
    const { from, to } = spanOf({ items: [generation(1)], refusals: [] }, NOW - HOUR, NOW);
    expect([from, to].map((ms) => Math.round((ms - NOW) / HOUR))).toEqual([-1, 2]);
    expect(from).toBeLessThan(NOW - HOUR);
    expect(to).toBeGreaterThan(NOW + 2 * HOUR);
  });

  test('is marked at round times, few enough to be read', () => {
    for (const hours of [0.1, 1, 3, 24, 72, 700]) {
      const ticks = ticksOf({ from: NOW - hours * HOUR, to: NOW }, 7);
      expect(ticks.length).toBeLessThanOrEqual(hours > 336 ? 16 : 8);
      expect(ticks.every((ms) => ms % 60_000 === 0 && ms >= NOW - hours * HOUR && ms <= NOW)).toBe(true);
    }
  });
});
