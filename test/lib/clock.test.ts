import { describe, expect, test } from 'vitest';
import { systemClock, timestamp, withDeadline } from '../../src/lib/clock.ts';

describe('time', () => {
  test('the system clock counts milliseconds since the epoch', () => {
    const before = Date.now();
    const now = systemClock.now();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now());
  });

  test('a deadline aborts the work with a timeout, and not before', async () => {
    const reason = await withDeadline(20, async (signal) => {
      expect(signal.aborted).toBe(false);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return signal.reason as unknown;
    });
    expect(reason).toMatchObject({ name: 'TimeoutError' });
  });

  test('the timer of a deadline ends with the work, whether it answers or throws', async () => {
    let running = 0;
    const timer = (): (() => void) => {
      running += 1;
      return () => void (running -= 1);
    };
    expect(await withDeadline(1000, () => Promise.resolve(running), timer)).toBe(1);
    expect(running).toBe(0);
    await expect(withDeadline(1000, () => Promise.reject(new Error('broken')), timer)).rejects.toThrow('broken');
    expect(running).toBe(0);
  });

  test('a time is shown as RFC 3339 in UTC, and none as null', () => {
    expect(timestamp(0)).toBe('1970-01-01T00:00:00.000Z');
    expect(timestamp(Date.UTC(2030, 0, 2, 3, 4, 5, 6))).toBe('2030-01-02T03:04:05.006Z');
    expect(timestamp(null)).toBeNull();
  });
});
