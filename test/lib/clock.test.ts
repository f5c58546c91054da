import { describe, expect, test } from 'vitest';
import { deadline, systemClock, timestamp } from '../../src/lib/clock.ts';

describe('time', () => {
  test('the system clock counts milliseconds since the epoch', () => {
    const before = Date.now();
    const now = systemClock.now();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now());
  });

  test('a deadline aborts with a timeout, and not before', async () => {
    const signal = deadline(20);
    expect(signal.aborted).toBe(false);
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    expect(signal.reason).toMatchObject({ name: 'TimeoutError' });
  });

  test('a time is shown as RFC 3339 in UTC, and none as null', () => {
    expect(timestamp(0)).toBe('1970-01-01T00:00:00.000Z');
    expect(timestamp(Date.UTC(2030, 0, 2, 3, 4, 5, 6))).toBe('2030-01-02T03:04:05.006Z');
    expect(timestamp(null)).toBeNull();
  });
});
