/** How much goes to a reader in one frame. */
import { describe, expect, it } from 'vitest';
import { MAX_TOWN_FRAME_BYTES, makeId } from '../../../src/protocol/index.ts';
import { feedReaders } from '../../../src/town/stream/feed-readers.ts';
import { inside } from '../support/inside.ts';
import { RawReader, happen, readersOf } from '../support/raw-reader.ts';
import { TestTown } from '../support/town.ts';

/** `seq` or text of what each frame held, from the one after the opening on. */
const shownIn = (reader: RawReader): unknown[][] =>
  reader.frames.slice(1).map(({ events }) => events.map(({ seq, data }) => seq ?? data['text']));

async function opened(town: TestTown, after?: number): Promise<RawReader> {
  const reader = await RawReader.open(town, after);
  await reader.until(({ frames }) => frames.length > 0);
  return reader;
}

describe('what one step has for a reader', () => {
  it('is one frame, and each reader has it: the events of a transaction', async () => {
    const town = await TestTown.create();
    const readers = [await opened(town), await opened(town)];
    await happen(town, 5);
    await happen(town, 1);
    for (const reader of readers) {
      await reader.until(({ seqs }) => seqs.length === 6);
      const [first = 0] = reader.seqs;
      expect(shownIn(reader)).toEqual([[first, first + 1, first + 2, first + 3, first + 4], [first + 5]]);
    }
  });

  it('is one frame where it holds pieces of a reply too, in their places between the events', async () => {
    const town = await TestTown.create();
    const reader = await opened(town);
    const first = await inside(town, (p) => {
      const head = p.events.head();
      const ids = { agent: makeId('agt', new Uint8Array(20)), message: makeId('msg', new Uint8Array(20)) };
      const delta = { ...ids, attempt: 1, kind: 'text' as const, at: '2100-01-01T00:00:00.000Z' };
      p.transaction(() => {
        for (let nth = 0; nth < 3; nth += 1) p.events.append('reeve.town.restored', p.id, {}, p.clock.now());
      });
      feedReaders(p, [
        { ...delta, id: '1', text: 'before', afterSeq: head },
        { ...delta, id: '2', text: 'between', afterSeq: head + 2 },
        { ...delta, id: '3', text: 'after', afterSeq: head + 3 },
      ]);
      return head + 1;
    });
    await reader.until(({ seqs }) => seqs.length === 3);
    expect(shownIn(reader)).toEqual([['before', first, first + 1, 'between', first + 2, 'after']]);
  });

  it('is one frame where its stream begins: the opening, and what it missed', async () => {
    const town = await TestTown.create();
    await happen(town, 10, 1);
    const reader = await opened(town, 0);
    const head = await inside(town, (p) => p.events.head());
    expect(reader.frames).toHaveLength(1);
    expect(reader.types[0]).toBe('reeve.stream.opened');
    expect(reader.seqs).toEqual(Array.from({ length: head }, (_, at) => at + 1));
  });
});

describe('a frame', () => {
  it('holds 64 KiB at most, so that more is several; one event that is larger is one alone', async () => {
    const town = await TestTown.create();
    const reader = await opened(town);
    await happen(town, 40, 40, 'x'.repeat(4000));
    await inside(town, (p) => {
      p.transaction(() => {
        for (const size of [1, 70_000, 1]) {
          p.events.append('reeve.town.created', p.id, { name: 'é'.repeat(size) }, p.clock.now());
        }
      });
    });
    await reader.until(({ seqs }) => seqs.length === 43);
    const [, ...frames] = reader.frames;
    const large = frames.filter(({ bytes }) => bytes > MAX_TOWN_FRAME_BYTES);
    expect(large.map(({ events }) => events.length)).toEqual([1]);
    expect(frames.map(({ events }) => events.length)).toEqual([15, 15, 10, 1, 1, 1]);
  });

  it('is counted in full as long as it is not confirmed: its bytes, and what stands around its events', async () => {
    const town = await TestTown.create();
    const reader = await opened(town);
    await happen(town, 30);
    await happen(town, 1);
    await reader.until(({ seqs }) => seqs.length === 31);
    const sent = reader.frames.slice(1).reduce((sum, { bytes }) => sum + bytes, 0);
    const [kept] = await readersOf(town);
    expect(kept?.bytes).toBeGreaterThanOrEqual(sent);
    expect(kept?.bytes).toBeLessThanOrEqual(sent + 31);
  });
});
