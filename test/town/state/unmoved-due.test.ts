import { describe, expect, test } from 'vitest';
import { RUN_BUDGET_MS, planAlarm, type DueTimes } from '../../../src/town/state/alarm-plan.ts';
import { UnmovedDue } from '../../../src/town/state/unmoved-due.ts';

const NOW_MS = Date.UTC(2030, 0, 1, 12);
const DUE: DueTimes = {
  sweep: null,
  pushRetry: null,
  delivery: NOW_MS - 5,
  start: null,
  end: null,
  withdrawal: null,
  renewal: null,
  liveness: null,
  revival: null,
  removal: null,
  socketEnd: null,
  delegation: null,
  announcement: NOW_MS + 5000,
  permission: null,
  members: null,
  webhook: null,
};

const run = (unmoved: UnmovedDue, startedAtMs: number, before: DueTimes, after = before, tookMs = 3) =>
  unmoved.learn({ startedAtMs, endedAtMs: startedAtMs + tookMs, before, after });

describe('what is due and was not moved by the run that it was due in', () => {
  test('is due at once after the first such run, a minute later after the second, and so on', () => {
    const unmoved = new UnmovedDue();
    expect(run(unmoved, NOW_MS, DUE)).toEqual([]);
    expect(planAlarm(unmoved.putOff(DUE), NOW_MS)).toBe(NOW_MS + 1);
    expect(run(unmoved, NOW_MS + 4, DUE)).toEqual(['delivery']);
    expect(unmoved.putOff(DUE)).toEqual({ ...DUE, delivery: NOW_MS + 7 + 60_000 });
    expect(run(unmoved, NOW_MS + 60_007, DUE)).toEqual(['delivery']);
    expect(unmoved.putOff(DUE).delivery).toBe(NOW_MS + 60_010 + 60_000);
  });

  test('holds nothing else back, and is forgotten when it moves', () => {
    const unmoved = new UnmovedDue();
    for (const at of [0, 4]) run(unmoved, NOW_MS + at, DUE);
    expect(planAlarm(unmoved.putOff(DUE), NOW_MS)).toBe(NOW_MS + 5000);
    const earlier = { ...DUE, delivery: NOW_MS - 9 };
    expect(unmoved.putOff(earlier)).toEqual(earlier);
    expect(run(unmoved, NOW_MS + 60_007, DUE, { ...DUE, delivery: null })).toEqual([]);
    expect(unmoved.putOff(DUE)).toEqual(DUE);
  });

  test('is left alone where the run used up its time: it was at work', () => {
    const unmoved = new UnmovedDue();
    for (const at of [0, 1, 2]) expect(run(unmoved, NOW_MS + at * RUN_BUDGET_MS, DUE, DUE, RUN_BUDGET_MS)).toEqual([]);
    expect(unmoved.putOff(DUE)).toEqual(DUE);
  });

  test('was due in both runs: what comes due later is no fault', () => {
    const unmoved = new UnmovedDue();
    for (const at of [0, 4, 8]) run(unmoved, NOW_MS + at, { ...DUE, delivery: NOW_MS + 60_000 });
    expect(unmoved.putOff(DUE)).toEqual(DUE);
  });
});
