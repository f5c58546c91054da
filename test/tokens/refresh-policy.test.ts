import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dueInSweep, nextSweepAt } from '../../src/tokens/refresh-policy.ts';
import { townId } from '../support/ids.ts';
import { randomFrom } from '../support/random.ts';

const HOUR_MS = 3_600_000;
const NOW_MS = Date.UTC(2030, 0, 1, 12);

describe('the next sweep', () => {
  test('is after the time that was given, by at most one interval, and each town keeps its phase', () => {
    const random = randomFrom(7);
    for (let nth = 0; nth < 500; nth += 1) {
      const town = townId(Math.floor(random() * 1e6));
      const interval = 1000 + Math.floor(random() * 2 * HOUR_MS);
      const after = NOW_MS + Math.floor(random() * HOUR_MS);
      const at = nextSweepAt(town, interval, after);
      expect(at).toBeGreaterThan(after);
      expect(at - after).toBeLessThanOrEqual(interval);
      expect(nextSweepAt(town, interval, at)).toBe(at + interval);
      expect(nextSweepAt(town, interval, at - 1)).toBe(at);
    }
  });

  test('is that of the release before: a phase that moved would leave every town one longer interval', () => {
    const phases = [1, 2, 3].map((town) => nextSweepAt(townId(town), HOUR_MS, NOW_MS) - NOW_MS);
    expect(phases).toEqual([2_136_225, 2_203_368, 980_987]);
  });

  test('falls on every part of the hour alike, so that thousands of towns do not sweep at once', () => {
    const minutes = Array.from({ length: 60 }, () => 0);
    for (let town = 0; town < 6000; town += 1) {
      const minute = Math.floor((nextSweepAt(townId(town), HOUR_MS, NOW_MS) % HOUR_MS) / 60_000);
      minutes[minute] = (minutes[minute] ?? 0) + 1;
    }
    expect(Math.max(...minutes)).toBeLessThan(160);
    expect(Math.min(...minutes)).toBeGreaterThan(50);
  });
});

describe('a sweep', () => {
  interface Asked {
    readonly mintedAgoMs?: number;
    readonly retryAtMs?: number;
    /** How late the sweep runs. */
    readonly lateMs?: number;
    readonly kid?: string | null;
  }
  const due = (issuedAgoMs: number | null, asked: Asked = {}): boolean => {
    const { mintedAgoMs = issuedAgoMs ?? HOUR_MS, retryAtMs = null, lateMs = 0, kid = 'active' } = asked;
    const issuedAtMs = issuedAgoMs === null ? null : NOW_MS - issuedAgoMs;
    const token = { issuedAtMs, mintedAtMs: NOW_MS - mintedAgoMs, retryAtMs, kid };
    return dueInSweep(token, { sweepAtMs: NOW_MS - lateMs, nowMs: NOW_MS, intervalMs: HOUR_MS, activeKid: 'active' });
  };

  test('leaves out a token younger than half the interval, and takes one of exactly half', () => {
    expect(due(HOUR_MS / 2 - 1)).toBe(false);
    expect(due(HOUR_MS / 2)).toBe(true);
    expect(due(10 * HOUR_MS)).toBe(true);
  });

  test('takes an agent of which nothing is acked', () => {
    expect(due(null)).toBe(true);
  });

  test('takes a token of another key at any age, so that a new key set reaches every agent', () => {
    expect(due(0, { mintedAgoMs: 1, kid: 'old' })).toBe(true);
    expect(due(1000, { kid: null })).toBe(true);
    expect(due(5000, { lateMs: 8000, kid: 'old', retryAtMs: NOW_MS + 10_000 })).toBe(false);
  });

  test('that comes late judges the age at the time that it runs', () => {
    expect(due(HOUR_MS / 2, { lateMs: 2 * HOUR_MS })).toBe(true);
    expect(due(60_000, { lateMs: 2 * HOUR_MS })).toBe(false);
  });

  test('S-04: that runs again leaves out what it has pushed, acked or not', () => {
    const lateMs = 8000;
    expect(due(HOUR_MS, { lateMs, mintedAgoMs: 5000, retryAtMs: NOW_MS + 10_000 })).toBe(false);
    expect(due(null, { lateMs, mintedAgoMs: 8000, retryAtMs: NOW_MS + 7000 })).toBe(false);
    expect(due(5000, { lateMs })).toBe(false);
  });

  test('takes what was pushed before it fell due and never acked', () => {
    expect(due(HOUR_MS, { lateMs: 1000, mintedAgoMs: 1001, retryAtMs: NOW_MS + 1 })).toBe(true);
  });
});

describe('no agent is left out', () => {
  const age = fc.integer({ min: 0, max: 4 * HOUR_MS });
  const aToken = fc.record({
    issuedAgoMs: fc.option(age),
    mintedAgoMs: age,
    retryInMs: fc.option(fc.integer({ min: -HOUR_MS, max: 300_000 })),
    kid: fc.constantFrom('active', 'old', null),
  });

  test('a sweep takes every token that is old, of another key or unacked, unless its own retry has it since the sweep fell due', () => {
    fc.assert(
      fc.property(aToken, fc.integer({ min: 0, max: 2 * HOUR_MS }), (token, lateMs) => {
        const { issuedAgoMs, mintedAgoMs, retryInMs, kid } = token;
        const sweepAtMs = NOW_MS - lateMs;
        const issuedAtMs = issuedAgoMs === null ? null : NOW_MS - issuedAgoMs;
        const retryAtMs = retryInMs === null ? null : NOW_MS + retryInMs;
        const asked = { issuedAtMs, mintedAtMs: NOW_MS - mintedAgoMs, retryAtMs, kid };
        const due = dueInSweep(asked, { sweepAtMs, nowMs: NOW_MS, intervalMs: HOUR_MS, activeKid: 'active' });
        const retried = retryAtMs !== null && mintedAgoMs <= lateMs;
        const fresh = issuedAgoMs !== null && issuedAgoMs < HOUR_MS / 2 && kid === 'active';
        if (!due) expect(retried || fresh).toBe(true);
        if (due) expect(retried || fresh).toBe(false);
      }),
    );
  });

  test('every instant is followed by exactly one sweep of a town in each interval, always at the same phase', () => {
    const instant = fc.integer({ min: 0, max: NOW_MS });
    fc.assert(
      fc.property(
        fc.nat(1_000_000),
        fc.integer({ min: 1000, max: 4 * HOUR_MS }),
        instant,
        instant,
        (id, interval, a, b) => {
          const [first, second] = [nextSweepAt(townId(id), interval, a), nextSweepAt(townId(id), interval, b)];
          expect(first - a).toBeGreaterThan(0);
          expect(first - a).toBeLessThanOrEqual(interval);
          expect(Math.abs(first - second) % interval).toBe(0);
        },
      ),
    );
  });
});

interface Settings {
  readonly ttlMs: number;
  readonly intervalMs: number;
}

/** Settings that the configuration accepts: any interval, and a life from the shortest allowed upwards. */
function acceptedSettings(random: () => number): Settings {
  const interval = 300 + Math.floor(random() * 13_000);
  const least = Math.max(900, 2 * interval + Math.min(600, interval));
  const more = random() < 0.5 ? 0 : Math.floor(random() * (28_800 - least));
  return { ttlMs: (least + more) * 1000, intervalMs: interval * 1000 };
}

/** Life left in ms of an acked token at the end of a sweep that runs at `nowMs`. */
function leftAfterSweep(ageMs: number, { ttlMs, intervalMs }: Settings): number {
  const issuedAtMs = NOW_MS - ageMs;
  const token = { issuedAtMs, mintedAtMs: issuedAtMs, retryAtMs: null, kid: 'active' };
  const due = dueInSweep(token, { sweepAtMs: NOW_MS, nowMs: NOW_MS, intervalMs, activeKid: 'active' });
  return due ? ttlMs : ttlMs - ageMs;
}

describe('A-09: life left', () => {
  test('A-09: after a sweep every token has at least three quarters of its life left, under any accepted settings', () => {
    const random = randomFrom(42);
    for (let run = 0; run < 10_000; run += 1) {
      const settings = acceptedSettings(random);
      const left = leftAfterSweep(Math.floor(random() * 2 * settings.intervalMs), settings);
      expect(left).toBeGreaterThanOrEqual((settings.ttlMs * 3) / 4);
    }
  });

  test('A-09: at the next sweep a token has at least half its life left at the default settings', () => {
    const settings = { ttlMs: 3 * HOUR_MS, intervalMs: HOUR_MS };
    for (let ageMs = 0; ageMs <= 2 * HOUR_MS; ageMs += 1000) {
      expect(leftAfterSweep(ageMs, settings) - settings.intervalMs).toBeGreaterThan(settings.ttlMs / 2 - 1);
    }
  });

  test('A-09: at the next sweep no token has ended, under any accepted settings', () => {
    const random = randomFrom(43);
    for (let run = 0; run < 10_000; run += 1) {
      const settings = acceptedSettings(random);
      const left = leftAfterSweep(Math.floor(random() * settings.intervalMs), settings);
      expect(left - settings.intervalMs).toBeGreaterThan(settings.intervalMs / 2);
    }
  });
});
