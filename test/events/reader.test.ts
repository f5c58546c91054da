import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  MAX_UNACKED_BYTES,
  MAX_UNACKED_DELTAS,
  MAX_UNACKED_EVENTS,
  MAX_STREAM_SECONDS,
  REPLAY_BYTES,
  REPLAY_EVENTS,
} from '#protocol';
import {
  afterAck,
  afterDelta,
  afterEvent,
  afterFeed,
  newReader,
  roomOf,
  takesDeltas,
  type Reader,
} from '../../src/events/reader.ts';

const END_MS = MAX_STREAM_SECONDS * 1000;
const live = (): Reader => newReader('dev', 10, 10, END_MS, 0);
const behind = (): Reader => newReader('dev', 10, 5000, END_MS, 0);

/** After `count` events of `bytes` each, in one feed. */
function sent(reader: Reader, count: number, bytes = 1): Reader {
  let now = reader;
  for (let nth = 0; nth < count; nth += 1) now = afterEvent(now, now.sent + 1, bytes);
  return now;
}

function shownDeltas(reader: Reader, count: number, bytes = 1): Reader {
  let now = reader;
  for (let nth = 0; nth < count; nth += 1) now = afterDelta(now, bytes);
  return now;
}

const ack = (reader: Reader, seq: number, deltas?: number, head = reader.sent): Reader | null =>
  afterAck(reader, { type: 'ack', seq, ...(deltas === undefined ? {} : { deltas }) }, head);

describe('room', () => {
  test(`a live reader may owe ${MAX_UNACKED_EVENTS} events, and not one more`, () => {
    expect(roomOf(sent(live(), MAX_UNACKED_EVENTS - 1), 9999)).toEqual({ kind: 'send', events: 1 });
    expect(roomOf(sent(live(), MAX_UNACKED_EVENTS), 9999)).toEqual({ kind: 'stalled' });
  });

  test(`a live reader may owe ${MAX_UNACKED_BYTES} bytes`, () => {
    expect(roomOf(sent(live(), 1, MAX_UNACKED_BYTES - 1), 9999).kind).toBe('send');
    expect(roomOf(sent(live(), 1, MAX_UNACKED_BYTES), 9999).kind).toBe('stalled');
  });

  test('one that catches up waits sooner, and is stalled only after 1,000 more events without a word', () => {
    expect(roomOf(sent(behind(), REPLAY_EVENTS - 1), 5000).kind).toBe('send');
    expect(roomOf(sent(behind(), REPLAY_EVENTS), 5000).kind).toBe('wait');
    expect(roomOf(sent(behind(), 1, REPLAY_BYTES), 5000).kind).toBe('wait');
    expect(roomOf(sent(behind(), REPLAY_EVENTS), 5000 + MAX_UNACKED_EVENTS).kind).toBe('wait');
    expect(roomOf(sent(behind(), REPLAY_EVENTS), 5001 + MAX_UNACKED_EVENTS).kind).toBe('stalled');
  });

  test('deltas are for live readers, and are left out before an event is', () => {
    expect(takesDeltas(live())).toBe(true);
    expect(takesDeltas(behind())).toBe(false);
    expect(takesDeltas(shownDeltas(live(), MAX_UNACKED_DELTAS - 1))).toBe(true);
    expect(takesDeltas(shownDeltas(live(), MAX_UNACKED_DELTAS))).toBe(false);
    const heavy = shownDeltas(live(), 1, MAX_UNACKED_BYTES / 2);
    expect([takesDeltas(heavy), roomOf(heavy, 11).kind]).toEqual([false, 'send']);
  });
});

describe('a confirmation', () => {
  test('of everything leaves nothing owed', () => {
    const now = ack(afterFeed(shownDeltas(sent(live(), 5, 100), 3, 100), 15), 15, 3);
    expect(now).toMatchObject({ acked: 15, deltasAcked: 3, bytes: 800, bytesAcked: 800, marks: [] });
  });

  test('without deltas is of all deltas that were sent', () => {
    expect(ack(shownDeltas(sent(live(), 1), 7), 11)?.deltasAcked).toBe(7);
  });

  test('of what was never sent is none', () => {
    const reader = shownDeltas(sent(live(), 1), 1);
    expect([ack(reader, 12), ack(reader, 11, 2)]).toEqual([null, null]);
  });

  test('that is late changes nothing, not even how long it was silent', () => {
    const reader = ack(afterFeed(sent(live(), 5), 15), 14, 0) ?? live();
    expect(ack(reader, 12, 0, 99)).toBe(reader);
  });
});

describe('a burst', () => {
  test('makes a live reader catch up, with all its patience', () => {
    const reader = afterFeed(sent(live(), MAX_UNACKED_EVENTS), 3000);
    expect(reader).toMatchObject({ live: false, headAtAck: 3000 });
    expect(roomOf(reader, 3000).kind).toBe('wait');
    expect(afterFeed(sent(reader, 3000 - reader.sent), 3000).live).toBe(true);
  });
});

test('whatever is sent and confirmed, a reader never owes less than it does, fits its attachment, and owes nothing at the end', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constantFrom('event' as const, 'delta' as const),
      bytes: fc.integer({ min: 1, max: 40_000 }),
    }),
    fc.record({ kind: fc.constant('feed' as const) }),
    fc.record({ kind: fc.constant('ack' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      let reader = live();
      // Every frame in the order in which it was sent, as the network keeps it.
      const frames: { seq: number; deltas: number; bytes: number }[] = [];
      for (const one of steps) {
        if (one.kind === 'event') reader = afterEvent(reader, reader.sent + 1, one.bytes);
        if (one.kind === 'delta') reader = afterDelta(reader, one.bytes);
        if (one.kind === 'feed') reader = afterFeed(reader, reader.sent);
        if (one.kind === 'event' || one.kind === 'delta') {
          frames.push({ seq: reader.sent, deltas: reader.deltas, bytes: one.bytes });
        }
        if (one.kind === 'ack') {
          // What is sent in one go is sent to its end before anything is received.
          reader = afterFeed(reader, reader.sent);
          const arrived = frames[Math.floor(one.share * frames.length) - 1];
          if (arrived !== undefined) reader = ack(reader, arrived.seq, arrived.deltas) ?? reader;
        }
        const owed = frames.filter(({ seq, deltas }) => seq > reader.acked || deltas > reader.deltasAcked);
        const bytes = owed.reduce((sum, frame) => sum + frame.bytes, 0);
        expect(reader.bytes - reader.bytesAcked).toBeGreaterThanOrEqual(bytes);
        expect(JSON.stringify(reader).length).toBeLessThan(8 * 1024);
      }
      reader = ack(afterFeed(reader, reader.sent), reader.sent, reader.deltas) ?? live();
      expect(reader.bytes - reader.bytesAcked).toBe(0);
    }),
    { numRuns: 200 },
  );
});
