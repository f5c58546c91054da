import { describe, expect, test } from 'vitest';
import { Waiters } from '../../../src/town/state/waiters.ts';
import { messageId } from '../../support/ids.ts';

/** Waiters whose timers the test runs. */
function scene() {
  const timers = new Set<() => void>();
  const waiters = new Waiters((_, run) => {
    const timer = (): void => {
      timers.delete(timer);
      run();
    };
    timers.add(timer);
    return () => void timers.delete(timer);
  });
  return { waiters, timers };
}

const settled = async (work: Promise<void>): Promise<boolean> =>
  Promise.race([work.then(() => true), new Promise<false>((resolve) => setImmediate(() => resolve(false)))]);

describe('a caller that waits for a message', () => {
  test('is released when it is over, with every other caller that waits for it, and no other', async () => {
    const { waiters, timers } = scene();
    const [one, two, other] = [1, 1, 2].map((seed) => waiters.wait(messageId(seed), 1000));
    waiters.wake([messageId(1), messageId(3)]);
    expect(await Promise.all([one, two, other].map((work) => settled(work ?? Promise.resolve())))).toEqual([
      true,
      true,
      false,
    ]);
    expect([waiters.size, timers.size]).toEqual([1, 1]);
  });

  test('is released when the time is up, and leaves nothing behind', async () => {
    const { waiters, timers } = scene();
    const waiting = waiters.wait(messageId(1), 1000);
    expect(await settled(waiting)).toBe(false);
    for (const run of timers) run();
    expect(await settled(waiting)).toBe(true);
    expect([waiters.size, timers.size]).toEqual([0, 0]);
    waiters.wake([messageId(1)]);
  });

  test('is left waiting where only the time of another caller is up', async () => {
    const { waiters, timers } = scene();
    const [short, long] = [waiters.wait(messageId(1), 10), waiters.wait(messageId(1), 1000)];
    const [first] = timers;
    first?.();
    expect([await settled(short), await settled(long)]).toEqual([true, false]);
    waiters.wake([messageId(1)]);
    expect(await settled(long)).toBe(true);
    expect([waiters.size, timers.size]).toEqual([0, 0]);
  });

  test('may wait again', async () => {
    const { waiters } = scene();
    for (let round = 0; round < 3; round += 1) {
      const waiting = waiters.wait(messageId(1), 1000);
      waiters.wake([messageId(1)]);
      expect(await settled(waiting)).toBe(true);
    }
    expect(waiters.size).toBe(0);
  });
});
