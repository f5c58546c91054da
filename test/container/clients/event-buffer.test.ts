import { describe, expect, it } from 'vitest';
import { MAX_EVENTS_PER_BATCH, MAX_EVENT_BATCH_BYTES } from '#protocol';
import { EventBuffer } from '../../../container/clients/event-buffer.ts';
import { delta, finished, started } from '../support/turn-events.ts';

describe('EventBuffer', () => {
  it('gives out events in order, at most 100 at once', () => {
    const buffer = new EventBuffer(1000, 1e6);
    for (let seed = 1; seed <= MAX_EVENTS_PER_BATCH + 1; seed += 1) buffer.add(started(seed));
    expect(buffer.take()).toHaveLength(MAX_EVENTS_PER_BATCH);
    expect(buffer.take()).toEqual([started(MAX_EVENTS_PER_BATCH + 1)]);
    expect(buffer.isEmpty).toBe(true);
  });

  it('keeps each batch under 512 KiB, counted as UTF-8', () => {
    const buffer = new EventBuffer(1000, 1e7);
    for (let count = 0; count < 60; count += 1) buffer.add(delta('€'.repeat(10_000)));
    let total = 0;
    while (!buffer.isEmpty) {
      const events = buffer.take();
      total += events.length;
      expect(events.length).toBeGreaterThan(0);
      const text = JSON.stringify({ counter: 4_000_000_000, events });
      expect(new TextEncoder().encode(text).length).toBeLessThanOrEqual(MAX_EVENT_BATCH_BYTES);
    }
    expect(total).toBe(60);
  });

  it('under pressure the oldest deltas go first; starts and results never do', () => {
    const buffer = new EventBuffer(4, 1e6);
    for (const event of [started(1), delta('one'), delta('two'), finished(1, ''), started(2), finished(2, '')])
      buffer.add(event);
    expect(buffer.take()).toEqual([started(1), finished(1, ''), started(2), finished(2, '')]);
  });

  it('is bounded in bytes too', () => {
    const buffer = new EventBuffer(1000, 1000);
    buffer.add(finished(1, 'x'.repeat(600)));
    buffer.add(delta('old'.padEnd(200, '.')));
    buffer.add(delta('new'));
    expect(buffer.take()).toEqual([finished(1, 'x'.repeat(600)), delta('new')]);
  });

  it('at its limits, in number and in bytes, keeps everything', () => {
    const all = [delta('one'), delta('two')];
    const bytes = all.reduce((sum, event) => sum + new TextEncoder().encode(JSON.stringify(event)).length + 1, 0);
    for (const [limit, kept] of [
      [bytes, all],
      [bytes - 1, [delta('two')]],
    ] as const) {
      const buffer = new EventBuffer(2, limit);
      for (const event of all) buffer.add(event);
      expect(buffer.take()).toEqual(kept);
    }
  });

  it('keeps results past every limit', () => {
    const buffer = new EventBuffer(2, 100);
    for (let seed = 1; seed <= 5; seed += 1) buffer.add(finished(seed, ''));
    expect(buffer.take()).toHaveLength(5);
  });
});
