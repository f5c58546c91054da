import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OVERDUE_MS } from '../../../src/directory/directory-store.ts';
import {
  GUARD_MS,
  LOST_AFTER_MS,
  earliestDue,
  shouldPublish,
  mustRearm,
  planAlarm,
  type DueTimes,
} from '../../../src/town/state/alarm-plan.ts';

const NOW_MS = Date.UTC(2030, 0, 1, 12);
const NOTHING: DueTimes = {
  sweep: null,
  pushRetry: null,
  delivery: null,
  start: null,
  end: null,
  withdrawal: null,
  renewal: null,
  liveness: null,
  revival: null,
  removal: null,
  socketEnd: null,
  delegation: null,
  announcement: null,
  permission: null,
  members: null,
  webhook: null,
};

describe('the one alarm of a town', () => {
  test('K-10: is not set where nothing is due', () => {
    expect(planAlarm(NOTHING, NOW_MS)).toBeNull();
  });

  test('rings for each reason by itself (T5)', () => {
    for (const reason of Object.keys(NOTHING)) {
      expect(planAlarm({ ...NOTHING, [reason]: NOW_MS + 5000 }, NOW_MS), reason).toBe(NOW_MS + 5000);
    }
  });

  test('rings at the earliest of all', () => {
    const due = { ...NOTHING, sweep: NOW_MS + 9, pushRetry: NOW_MS + 7, delivery: NOW_MS + 3, end: NOW_MS + 4 };
    expect(planAlarm(due, NOW_MS)).toBe(NOW_MS + 3);
  });

  test('is at least a millisecond ahead: one that is set to now inside the alarm is lost', () => {
    for (const at of [NOW_MS - 3_600_000, NOW_MS - 1, NOW_MS, NOW_MS + 1]) {
      expect(planAlarm({ ...NOTHING, sweep: at }, NOW_MS)).toBe(NOW_MS + 1);
    }
    expect(planAlarm({ ...NOTHING, sweep: NOW_MS + 2 }, NOW_MS)).toBe(NOW_MS + 2);
  });
});

/** Due long ago, soon or later, or not at all. */
const aDueTime = fc.option(fc.integer({ min: NOW_MS - 7_200_000, max: NOW_MS + 7_200_000 }));
const someDueTimes: fc.Arbitrary<DueTimes> = fc
  .tuple(...Object.keys(NOTHING).map(() => aDueTime))
  .map((times) => ({ ...NOTHING, ...Object.fromEntries(Object.keys(NOTHING).map((key, at) => [key, times[at]])) }));

describe('whatever is due', () => {
  test('T5: the alarm is set exactly where something is due, to the earliest of all, and never to now', () => {
    fc.assert(
      fc.property(someDueTimes, (due) => {
        const at = planAlarm(due, NOW_MS);
        const times = Object.values(due).filter((time: number | null) => time !== null);
        expect(at === null).toBe(times.length === 0);
        if (at === null) return;
        expect(at).toBeGreaterThan(NOW_MS);
        for (const time of times) expect(at).toBeLessThanOrEqual(Math.max(time, NOW_MS + 1));
        expect([NOW_MS + 1, ...times]).toContain(at);
      }),
    );
  });

  test('T5: an alarm that is left as it is rings in time for it, or was set within the last minute', () => {
    fc.assert(
      fc.property(someDueTimes, aDueTime, (due, set) => {
        const wanted = planAlarm(due, NOW_MS);
        if (mustRearm(set, wanted, NOW_MS)) return;
        if (wanted === null) expect(set).toBeNull();
        else {
          expect(set).toBeLessThanOrEqual(wanted);
          expect(set).toBeGreaterThanOrEqual(NOW_MS - LOST_AFTER_MS);
        }
      }),
    );
  });
});

describe('setting the alarm anew', () => {
  test('is needed where none is set and something is due', () => {
    expect(mustRearm(null, NOW_MS + 1, NOW_MS)).toBe(true);
    expect(mustRearm(null, null, NOW_MS)).toBe(false);
  });

  test('is needed where the set one rings too late, and not where it rings early or on time', () => {
    expect(mustRearm(NOW_MS + 10, NOW_MS + 9, NOW_MS)).toBe(true);
    expect(mustRearm(NOW_MS + 10, NOW_MS + 10, NOW_MS)).toBe(false);
    expect(mustRearm(NOW_MS + 10, NOW_MS + 11, NOW_MS)).toBe(false);
  });

  test('is needed where the set one was lost: overdue by more than a minute, and not a millisecond less', () => {
    const wanted = NOW_MS + 10;
    expect(mustRearm(NOW_MS - LOST_AFTER_MS, wanted, NOW_MS)).toBe(false);
    expect(mustRearm(NOW_MS - LOST_AFTER_MS - 1, wanted, NOW_MS)).toBe(true);
  });

  test('takes away an alarm that nothing needs', () => {
    expect(mustRearm(NOW_MS + 10, null, NOW_MS)).toBe(true);
  });
});

describe('what the directory hears', () => {
  const LATER_MS = 300_000;
  const FAR_MS = NOW_MS + 3_600_000;

  test('is the earliest of what is due, also where that is past', () => {
    expect(earliestDue(NOTHING)).toBeNull();
    expect(earliestDue({ ...NOTHING, sweep: NOW_MS + 5, end: NOW_MS - 5 })).toBe(NOW_MS - 5);
  });

  test('is that something is due, and that nothing is any more', () => {
    expect(shouldPublish(null, FAR_MS, NOW_MS)).toBe(true);
    expect(shouldPublish(FAR_MS, null, NOW_MS)).toBe(true);
    expect(shouldPublish(null, null, NOW_MS)).toBe(false);
  });

  test('is not that nothing is due any more, while the published time is near: the next message is served under it', () => {
    for (const near of [NOW_MS + LATER_MS, NOW_MS + 1, NOW_MS, NOW_MS - OVERDUE_MS + 1]) {
      expect(shouldPublish(near, null, NOW_MS)).toBe(false);
    }
    // A time far ahead is put right at once; and where it is overdue, the watchdog comes for nothing until it is.
    for (const far of [NOW_MS + LATER_MS + 1, NOW_MS - OVERDUE_MS]) expect(shouldPublish(far, null, NOW_MS)).toBe(true);
  });

  test('is every earlier time, and a later one only where it is later by more than five minutes', () => {
    expect(shouldPublish(FAR_MS, FAR_MS, NOW_MS)).toBe(false);
    expect(shouldPublish(FAR_MS, FAR_MS - 1, NOW_MS)).toBe(true);
    expect(shouldPublish(FAR_MS, FAR_MS + LATER_MS, NOW_MS)).toBe(false);
    expect(shouldPublish(FAR_MS, FAR_MS + LATER_MS + 1, NOW_MS)).toBe(true);
  });

  test('is not what is due within a guard, so that a delivery costs no write; once it is past it is', () => {
    for (const published of [null, FAR_MS]) {
      expect(shouldPublish(published, NOW_MS + GUARD_MS, NOW_MS)).toBe(false);
      expect(shouldPublish(published, NOW_MS + 1, NOW_MS)).toBe(false);
      expect(shouldPublish(published, NOW_MS + GUARD_MS + 1, NOW_MS)).toBe(true);
      expect(shouldPublish(published, NOW_MS, NOW_MS)).toBe(true);
    }
  });
});
