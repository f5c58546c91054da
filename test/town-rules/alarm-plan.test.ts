import { describe, expect, test } from 'vitest';
import { LOST_AFTER_MS, mustRearm, planAlarm, type DueTimes } from '../../src/town/alarm-plan.ts';

const NOW_MS = Date.UTC(2030, 0, 1, 12);
const NOTHING: DueTimes = {
  sweep: null,
  pushRetry: null,
  delivery: null,
  start: null,
  end: null,
  renewal: null,
  socketEnd: null,
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
    const due = {
      sweep: NOW_MS + 9,
      pushRetry: NOW_MS + 7,
      delivery: NOW_MS + 3,
      start: null,
      end: NOW_MS + 4,
      renewal: null,
      socketEnd: null,
    };
    expect(planAlarm(due, NOW_MS)).toBe(NOW_MS + 3);
  });

  test('is at least a millisecond ahead: one that is set to now inside the alarm is lost', () => {
    for (const at of [NOW_MS - 3_600_000, NOW_MS - 1, NOW_MS, NOW_MS + 1]) {
      expect(planAlarm({ ...NOTHING, sweep: at }, NOW_MS)).toBe(NOW_MS + 1);
    }
    expect(planAlarm({ ...NOTHING, sweep: NOW_MS + 2 }, NOW_MS)).toBe(NOW_MS + 2);
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
