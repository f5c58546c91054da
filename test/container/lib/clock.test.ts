import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { afterWhile, atMost, pause } from '../../../container/lib/clock.ts';
import { ManualClock } from '../support/manual-clock.ts';

describe('afterWhile', () => {
  it('runs once after its time', async () => {
    const clock = new ManualClock();
    let runs = 0;
    afterWhile(clock, new AbortController().signal, 100, () => (runs += 1));
    await clock.advance(99);
    expect(runs).toBe(0);
    await clock.advance(1_000);
    expect(runs).toBe(1);
  });

  it('W-17: does not run after its life or its cancellation, and leaves no timer', async () => {
    const clock = new ManualClock();
    const [ended, ending] = [new AbortController(), new AbortController()];
    ended.abort();
    let runs = 0;
    afterWhile(clock, ended.signal, 100, () => (runs += 1));
    afterWhile(clock, ending.signal, 100, () => (runs += 1));
    const cancel = afterWhile(clock, new AbortController().signal, 100, () => (runs += 1));
    ending.abort();
    cancel();
    cancel();
    expect(clock.pending).toBe(0);
    await clock.advance(1_000);
    expect(runs).toBe(0);
  });
});

describe('K-03: a life that lasts', () => {
  it('K-03: has no listener left of pauses and timers that are over, whichever way they ended', async () => {
    const clock = new ManualClock();
    const life = new AbortController();
    const listeners = (): number => getEventListeners(life.signal, 'abort').length;
    const ran: string[] = [];
    for (let round = 0; round < 100; round += 1) {
      const cancel = afterWhile(clock, life.signal, 100, () => ran.push('cancelled'));
      afterWhile(clock, life.signal, 100, () => ran.push('run'));
      const pausing = pause(clock, life.signal, 100);
      expect(listeners()).toBe(3);
      cancel();
      expect(listeners()).toBe(2);
      await clock.advance(100);
      expect([await pausing, listeners(), clock.pending]).toEqual(['elapsed', 0, 0]);
    }
    expect(ran).toEqual(Array.from({ length: 100 }, () => 'run'));
  });
});

describe('pause', () => {
  it('says whether its time elapsed or its life ended', async () => {
    const clock = new ManualClock();
    const life = new AbortController();
    const [short, long] = [pause(clock, life.signal, 100), pause(clock, life.signal, 1_000)];
    await clock.advance(100);
    life.abort();
    expect(await Promise.all([short, long, pause(clock, life.signal, 1)])).toEqual(['elapsed', 'ended', 'ended']);
    expect(clock.pending).toBe(0);
  });
});

describe('atMost', () => {
  it('waits for the work, or as long as it may', async () => {
    const clock = new ManualClock();
    await atMost(clock, 100, Promise.resolve());
    expect(clock.pending).toBe(0);
    let over = false;
    const waiting = atMost(clock, 100, new Promise(() => {})).then(() => (over = true));
    await clock.advance(99);
    expect(over).toBe(false);
    await clock.advance(1);
    await waiting;
  });

  it('K-03: leaves no timer behind work that is over, and passes on its failure', async () => {
    const clock = new ManualClock();
    const broken = Promise.reject(new Error('broken'));
    await expect(atMost(clock, 100, broken)).rejects.toThrow('broken');
    expect(clock.pending).toBe(0);
  });
});
