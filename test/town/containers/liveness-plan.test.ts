import { describe, expect, test } from 'vitest';
import { judge, mayBeHeardAt, stillStalled, wasAway, type Signs } from '../../../src/town/containers/liveness-plan.ts';

const NOW_MS = Date.UTC(2030, 0, 1, 12);
const BEAT_MS = 30_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** An agent that was heard and showed output so many ms ago. */
const signs = (heardAgoMs: number, progressAgoMs = heardAgoMs): Signs => ({
  watchedFromMs: NOW_MS - 24 * HOUR_MS,
  lastHeardAtMs: NOW_MS - heardAgoMs,
  progressAtMs: NOW_MS - progressAgoMs,
});

describe('an agent at work', () => {
  test('is well while it is heard, and looked at when its third heartbeat is missing', () => {
    expect(judge(signs(0), BEAT_MS, NOW_MS)).toEqual({
      stalled: null,
      isGivenUp: false,
      livenessCheckAtMs: NOW_MS + 3 * BEAT_MS,
    });
    expect(judge(signs(3 * BEAT_MS - 1), BEAT_MS, NOW_MS).stalled).toBeNull();
  });

  test('is silent from the third missing heartbeat on, and given up after ten minutes and not a millisecond before', () => {
    expect(judge(signs(3 * BEAT_MS), BEAT_MS, NOW_MS)).toMatchObject({ stalled: 'silent', isGivenUp: false });
    expect(judge(signs(10 * MINUTE_MS - 1), BEAT_MS, NOW_MS)).toMatchObject({
      isGivenUp: false,
      livenessCheckAtMs: NOW_MS + 1,
    });
    expect(judge(signs(10 * MINUTE_MS), BEAT_MS, NOW_MS)).toMatchObject({ stalled: 'silent', isGivenUp: true });
  });

  test('is without output after 15 minutes, though it is heard', () => {
    expect(judge(signs(0, 15 * MINUTE_MS - 1), BEAT_MS, NOW_MS)).toMatchObject({
      stalled: null,
      livenessCheckAtMs: NOW_MS + 1,
    });
    expect(judge(signs(0, 15 * MINUTE_MS), BEAT_MS, NOW_MS).stalled).toBe('no_output');
  });

  test('counts as silent where it is both', () => {
    expect(judge(signs(HOUR_MS, HOUR_MS), BEAT_MS, NOW_MS).stalled).toBe('silent');
  });

  test('has its whole time from when it began to work, whatever it said before', () => {
    const begins = { watchedFromMs: NOW_MS, lastHeardAtMs: NOW_MS - HOUR_MS, progressAtMs: null };
    expect(judge(begins, BEAT_MS, NOW_MS)).toMatchObject({ stalled: null, livenessCheckAtMs: NOW_MS + 3 * BEAT_MS });
    const unheard = { watchedFromMs: NOW_MS - 3 * BEAT_MS, lastHeardAtMs: null, progressAtMs: null };
    expect(judge(unheard, BEAT_MS, NOW_MS).stalled).toBe('silent');
  });

  test('that beats rarely is given up no sooner than its fourth heartbeat is missing', () => {
    expect(judge(signs(3 * HOUR_MS - 1), HOUR_MS, NOW_MS)).toMatchObject({ stalled: null });
    expect(judge(signs(3 * HOUR_MS), HOUR_MS, NOW_MS)).toMatchObject({ stalled: 'silent', isGivenUp: false });
    expect(judge(signs(4 * HOUR_MS), HOUR_MS, NOW_MS)).toMatchObject({ isGivenUp: true });
  });

  test('is always looked at again, and never in the past', () => {
    for (const heard of [0, BEAT_MS, 3 * BEAT_MS, 9 * MINUTE_MS, 10 * MINUTE_MS, HOUR_MS]) {
      for (const progress of [0, 14 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS]) {
        expect(
          judge(signs(heard, progress), BEAT_MS, NOW_MS).livenessCheckAtMs,
          `${heard} ${progress}`,
        ).toBeGreaterThan(NOW_MS);
      }
    }
  });
});

describe('a stalled agent', () => {
  const anew: Signs = { watchedFromMs: NOW_MS, lastHeardAtMs: NOW_MS - HOUR_MS, progressAtMs: NOW_MS - HOUR_MS };

  test('is well again with a sign of what it lacked, and not because the waiting began anew', () => {
    expect(stillStalled(anew, 'silent', null)).toBe('silent');
    expect(stillStalled({ ...anew, lastHeardAtMs: NOW_MS }, 'silent', null)).toBeNull();
    expect(stillStalled({ ...anew, lastHeardAtMs: NOW_MS }, 'no_output', null)).toBe('no_output');
    expect(stillStalled({ ...anew, progressAtMs: NOW_MS }, 'no_output', null)).toBeNull();
    expect(stillStalled({ ...anew, lastHeardAtMs: null }, 'silent', null)).toBe('silent');
  });

  test('is whatever it is judged to be where that is worse', () => {
    expect(stillStalled(anew, 'silent', 'no_output')).toBe('no_output');
    expect(stillStalled(anew, 'no_output', 'silent')).toBe('silent');
    expect(stillStalled(anew, null, 'silent')).toBe('silent');
    expect(stillStalled(anew, null, null)).toBeNull();
  });
});

describe('a liveness check that comes late', () => {
  test('by more than a minute says that the town was away', () => {
    expect(wasAway(NOW_MS - MINUTE_MS, NOW_MS)).toBe(false);
    expect(wasAway(NOW_MS - MINUTE_MS - 1, NOW_MS)).toBe(true);
  });
});

describe('an agent that this object has not heard', () => {
  const UP_MS = NOW_MS - 10_000;

  test('may have been heard within a minute of what is written, but not after the object came up', () => {
    expect(mayBeHeardAt(UP_MS - 2 * MINUTE_MS, UP_MS)).toBe(UP_MS - MINUTE_MS);
    expect(mayBeHeardAt(UP_MS - 20_000, UP_MS)).toBe(UP_MS);
  });

  test('was heard when its row says so, whatever the clock said since; one that was never heard was not', () => {
    expect(mayBeHeardAt(UP_MS + 5000, UP_MS)).toBe(UP_MS + 5000);
    expect(mayBeHeardAt(null, UP_MS)).toBe(0);
  });
});
