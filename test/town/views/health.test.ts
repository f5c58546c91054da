import { describe, expect, test } from 'vitest';
import type { SweepRecord } from '../../../src/town/state/sweep-store.ts';
import { townHealth } from '../../../src/town/views/health.ts';

const NOW_MS = Date.UTC(2030, 0, 1, 12);
const HOUR_MS = 3_600_000;

/** Newest first, an hour apart; each as `[ok, failed]`, and `skipped` where neither. */
const sweepsOf = (...counts: readonly (readonly [number, number, number?])[]): SweepRecord[] =>
  counts.map(([ok, failed, skipped = 0], at) => {
    const startedAtMs = NOW_MS - (at + 1) * HOUR_MS;
    return {
      due: ok + failed + skipped,
      ok,
      failed,
      skipped,
      results: [],
      startedAtMs,
      finishedAtMs: startedAtMs + 1000,
    };
  });

const CALM = {
  agents: [],
  unreadable: [],
  failures: [],
  questions: [],
  containers: [],
  webhooks: [],
  schemaAhead: { steps: [], sinceMs: 0 },
  activeKid: 'kid',
  validFromMs: 0,
  nowMs: NOW_MS,
};

const healthOf = (sweeps: readonly SweepRecord[]) => townHealth({ ...CALM, sweeps });

describe('A-07: the sweeps of a town', () => {
  test.each([
    ['none yet', []],
    ['one that failed, and none before', sweepsOf([0, 2])],
    ['one that failed after one that refreshed an agent, and failed for another', sweepsOf([0, 2], [1, 1])],
    ['one that refreshed an agent after one that failed', sweepsOf([1, 1], [0, 2])],
    ['one that failed after one that had nothing to push', sweepsOf([0, 2], [0, 0, 2])],
    ['one that had nothing to push after one that failed', sweepsOf([0, 0, 2], [0, 2])],
    ['two that failed, before the last two', sweepsOf([1, 0], [1, 0], [0, 2], [0, 2])],
  ])('A-07: are green with %s', (_, sweeps) => {
    expect(healthOf(sweeps)).toEqual({ status: 'green', reasons: [] });
  });

  test('A-07: are red with two in a row that refreshed no agent, since the first of them', () => {
    const { status, reasons } = healthOf(sweepsOf([0, 2], [0, 1], [1, 0]));
    const since = new Date(NOW_MS - 2 * HOUR_MS).toISOString();
    expect(status).toBe('red');
    expect(reasons).toMatchObject([{ code: 'sweeps_fail', status: 'red', agent: null, since }]);
    expect(reasons[0]?.detail).toContain('2 agents failed');
  });

  test('A-07: that had nothing to do say nothing, and do not come between two that failed', () => {
    expect(healthOf(sweepsOf([0, 0], [0, 1], [0, 0], [0, 1])).status).toBe('red');
  });
});
