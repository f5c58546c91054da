/** The live stream: what every reader sees, and what it takes to be cut. */
import { abortAllDurableObjects, evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it, vi } from 'vitest';
import { tablesOf } from '../support/footprint.ts';
import { lab } from '../support/lab.ts';
import { EVENT_LIFE_MS, EventStore } from '../../../src/events/event-store.ts';
import { MAX_STREAM_SECONDS, STREAM_CLOSE, makeId, messageIdSchema } from '../../../src/protocol/index.ts';
import { feedReaders } from '../../../src/town/stream/feed-readers.ts';
import { handleEvents } from '../../../src/town/calls/handle-agent-report.ts';
import { inside } from '../support/inside.ts';
import { RawReader, happen, readersOf } from '../support/raw-reader.ts';
import { lastTokenOf } from '../support/tokens.ts';
import { TestTown, api } from '../support/town.ts';
import { weather } from '../support/weather.ts';

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);
const headOf = async (town: TestTown): Promise<number> => (await town.events()).length;

describe('a reader', () => {
  it('without after begins with the next event, and is sent that place', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const head = await headOf(town);
    const reader = await RawReader.open(town);
    await reader.until(({ events }) => events.length === 1);
    expect(reader.events).toMatchObject([
      { type: 'reeve.stream.opened', subject: town.id, ephemeral: true, data: { after: head, missed: 0 } },
    ]);
    await town.agent('bob');
    const all = await town.events();
    await reader.until(({ seqs }) => seqs.length === all.length - head);
    expect(reader.events.slice(1)).toEqual(all.slice(head));
  });

  it('with after gets what is stored, and then what happens, without a gap or a repeat', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const reader = await RawReader.open(town, 0);
    await town.agent('bob');
    const { id } = await town.send('ada', 'hello');
    await town.until('ada', id, 'done');
    const all = await town.events();
    await reader.until(({ seqs }) => seqs.length >= all.length);
    expect(reader.events.filter(({ seq }) => seq !== undefined)).toEqual(all);
  });

  it('sees the pieces of a reply live, in their place between the events, and they are stored nowhere', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const reader = await RawReader.open(town);
    const { id } = await town.send('ada', 'one two three four five six seven eight nine ten');
    await town.until('ada', id, 'done');
    await reader.until(({ types }) => types.includes('reeve.turn.finished'));
    const [from, to] = ['reeve.turn.started', 'reeve.turn.finished'].map((type) => reader.types.indexOf(type));
    const deltas = reader.events.slice((from ?? 0) + 1, to);
    expect(deltas.map(({ type }) => type)).toEqual(['reeve.turn.delta', 'reeve.turn.delta']);
    expect(deltas.map(({ data }) => data['text']).join('')).toBe((await town.message('ada', id)).reply);
    for (const { ephemeral, seq, data } of deltas)
      expect([ephemeral, seq, data['message']]).toEqual([true, undefined, id]);
    expect((await town.events()).map(({ type }) => type)).not.toContain('reeve.turn.delta');
  });

  it('outlives an eviction of the town: what happens afterwards arrives, and its place is kept', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const reader = await RawReader.open(town, 0);
    await reader.until(({ seqs }) => seqs.length > 0);
    for (const name of ['bob', 'cyd', 'dan']) {
      await evictDurableObject(town.stub);
      await town.agent(name);
      reader.ack(reader.seqs.at(-1) ?? 0);
    }
    const all = await headOf(town);
    await reader.until(({ seqs }) => seqs.length === all);
    expect(reader.seqs).toEqual(range(1, all));
    expect(reader.closed).toBeNull();
  });

  it('never sees what was rolled back', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const reader = await RawReader.open(town);
    const before = await headOf(town);
    weather.begin(town.id, { layer: 'town', effect: 'events.append', nth: 1, fault: 'breaks after' });
    expect((await town.api('POST', '/agents/ada/stop')).status).toBe(500);
    expect(weather.struck).toBe(true);
    weather.end();
    // Something else takes the number of what was taken back.
    await town.agent('bob');
    const all = await town.events();
    await reader.until(({ seqs }) => seqs.length === all.length - before);
    expect(reader.events.slice(1)).toEqual(all.slice(before));
  });

  it('a feed that was lost is made up by the next one, in order', async () => {
    const town = await TestTown.create();
    const reader = await RawReader.open(town);
    await runInDurableObject(town.stub, (_, { storage }) => {
      // Committed, and the object died before it fed any reader.
      new EventStore(storage.sql, () => undefined).append('reeve.town.restored', 'agt_1', {}, lab.clock.now());
    });
    await happen(town, 1);
    const head = await headOf(town);
    await reader.until(({ seqs }) => seqs.length === 2);
    expect(reader.seqs).toEqual([head - 1, head]);
  });

  it('whose town dies comes again with its place, and has everything once', async () => {
    const town = await TestTown.create();
    const seqs: number[] = [];
    for (const name of ['ada', 'bob', 'cyd']) {
      const reader = await RawReader.open(town, seqs.at(-1) ?? 0);
      await town.agent(name);
      const head = await headOf(town);
      await reader.until((now) => now.seqs.at(-1) === head);
      seqs.push(...reader.seqs);
      await abortAllDurableObjects();
      await reader.until(({ closed }) => closed !== null);
    }
    expect(seqs).toEqual(range(1, await headOf(town)));
  });

  it('is answered a ping by the platform', async () => {
    const town = await TestTown.create();
    const reader = await RawReader.open(town);
    await reader.until(({ events }) => events.length === 1);
    reader.send('{"type":"ping"}');
    await reader.until(({ types }) => types.includes('pong'));
    expect(reader.closed).toBeNull();
  });

  it('ends with its credential, after an hour at the latest, by the alarm, and then the town sleeps', async () => {
    const town = await TestTown.create();
    const reader = await RawReader.open(town);
    const opened = lab.clock.now();
    expect(await town.alarmAt()).toBe(opened + 3_600_000);
    await evictDurableObject(town.stub);
    await town.ring();
    await reader.until(({ closed }) => closed !== null);
    expect(reader.closed).toEqual({ code: 4001, reason: 'the credential ended' });
    expect(await town.alarmAt()).toBeNull();
  });

  it('that leaves takes its alarm along', async () => {
    const town = await TestTown.create();
    const reader = await RawReader.open(town);
    expect(await town.alarmAt()).not.toBeNull();
    reader.close();
    await expect.poll(() => town.alarmAt()).toBeNull();
  });
});

describe('deltas', () => {
  it('are shown once, in their place in the batch, and only those of the current attempt of a message of the agent', async () => {
    const town = await TestTown.create();
    const [ada] = [await town.agent('ada'), await town.agent('bob')];
    const [mine, bobs] = [await town.work('ada'), await town.work('bob')];
    const reader = await RawReader.open(town);
    await reader.until(({ events }) => events.length === 1);
    const at = new Date(lab.clock.now()).toISOString();
    const delta = (text: string, more = {}) => ({
      type: 'turn.delta',
      message: mine.id,
      attempt: 1,
      at,
      text,
      ...more,
    });
    const result = { state: 'done', reply: 'a reply', truncated: false };
    const batch = {
      counter: 1000,
      events: [
        delta('let me see', { kind: 'thought' }),
        delta('one'),
        delta('of an attempt that is over', { attempt: 2 }),
        delta('of another agent', { message: bobs.id }),
        delta('thought by another agent', { message: bobs.id, kind: 'thought' }),
        delta('two'),
        { type: 'turn.finished', message: mine.id, attempt: 1, at, result },
        delta('after the end'),
      ],
    };
    const report = () => api<{ repeated: boolean }>('POST', '/v1/agent/events', batch, lastTokenOf(ada));
    expect((await report()).body.repeated).toBe(false);
    expect((await report()).body.repeated).toBe(true);
    await happen(town, 1);
    const head = await headOf(town);
    await reader.until(({ seqs }) => seqs.at(-1) === head);
    const shown = reader.events
      .slice(1)
      .map(({ type, data }) => (type === 'reeve.turn.delta' ? [data['kind'], data['text']] : type));
    expect(shown).toEqual([
      ['thought', 'let me see'],
      ['text', 'one'],
      ['text', 'two'],
      'reeve.turn.finished',
      'reeve.town.created',
    ]);
    // A thought is stored nowhere, not even in the reply.
    expect(JSON.stringify(await tablesOf(town.id, town.stub))).not.toContain('let me see');
    const ids = reader.events.flatMap(({ ephemeral, id }) => (ephemeral === true ? [id] : []));
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('what a stream costs', () => {
  it('an event is read and made once, however many readers there are', async () => {
    const town = await TestTown.create();
    const readers = [await RawReader.open(town), await RawReader.open(town), await RawReader.open(town)];
    const reads = await inside(town, (p) => {
      const spies = [vi.spyOn(p.events, 'head'), vi.spyOn(p.events, 'oldest'), vi.spyOn(p.events, 'list')];
      p.events.append('reeve.town.restored', p.id, {}, p.clock.now());
      feedReaders(p);
      return spies.map((spy) => spy.mock.calls.length);
    });
    expect(reads).toEqual([1, 1, 1]);
    for (const reader of readers) await reader.until(({ seqs }) => seqs.length === 1);
  });

  it('a piece of a reply does not read the text of its message, which may be 256 KiB', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const { id } = await town.work('ada');
    const reader = await RawReader.open(town);
    await reader.until(({ events }) => events.length === 1);
    const reads = await inside(town, (p) => {
      const agent = p.agents.find('ada');
      if (agent === null) throw new Error('ada is not there');
      const spy = vi.spyOn(p.messages, 'get');
      const at = new Date(p.clock.now()).toISOString();
      const piece = {
        type: 'turn.delta' as const,
        message: messageIdSchema.parse(id),
        attempt: 1,
        at,
        kind: 'text' as const,
        text: 'x',
      };
      const batch = { counter: 1000, events: range(1, 100).map(() => piece) };
      feedReaders(p, p.transaction(() => handleEvents(p, agent, batch)).deltas);
      return spy.mock.calls.length;
    });
    expect(reads).toBe(0);
    await reader.until(({ types }) => types.filter((type) => type === 'reeve.turn.delta').length === 100);
  });
});

describe('a reader that stalls', () => {
  it('is cut past 1,000 unconfirmed events, and not before; it comes again with its place and misses nothing', async () => {
    const town = await TestTown.create();
    const head = await headOf(town);
    const reader = await RawReader.open(town);
    await happen(town, 1000, 100);
    await reader.until(({ seqs }) => seqs.length === 1000);
    expect(reader.closed).toBeNull();
    await happen(town, 1);
    await reader.until(({ closed }) => closed !== null);
    expect(reader.closed).toEqual({ code: 4008, reason: 'reconnect with after' });
    expect(reader.seqs).toEqual(range(head + 1, head + 1000));
    const again = await RawReader.open(town, reader.seqs.at(-1));
    await again.until(({ seqs }) => seqs.length > 0);
    expect(again.seqs).toEqual([head + 1001]);
  });

  it('that confirms goes on for ever', async () => {
    const town = await TestTown.create();
    const reader = await RawReader.open(town);
    for (let page = 1; page <= 12; page += 1) {
      await happen(town, 200, 50);
      await reader.until(({ seqs }) => seqs.length === page * 200);
      reader.ack(reader.seqs.at(-1) ?? 0);
      await expect.poll(async () => (await readersOf(town))[0]).toMatchObject({ acked: reader.seqs.at(-1) });
    }
    expect(reader.closed).toBeNull();
    expect(await readersOf(town)).toMatchObject([{ live: true, marks: [] }]);
  });

  it('does not hold up the others, and holds no more than its share of memory', async () => {
    const town = await TestTown.create();
    const [stalled, honest] = [await RawReader.open(town), await RawReader.open(town)];
    const big = 'x'.repeat(4000);
    for (let page = 1; page <= 10; page += 1) {
      await happen(town, 50, 1, big);
      await honest.until(({ seqs }) => seqs.length === page * 50);
      honest.ack(honest.seqs.at(-1) ?? 0);
      await expect
        .poll(async () => (await readersOf(town)).some(({ acked }) => acked === honest.seqs.at(-1)))
        .toBe(true);
      for (const { bytes, bytesAcked } of await readersOf(town)) expect(bytes - bytesAcked).toBeLessThan(513 * 1024);
    }
    expect(stalled.closed).toEqual({ code: 4008, reason: 'reconnect with after' });
    expect(honest.closed).toBeNull();
    expect(await readersOf(town)).toHaveLength(1);
  });

  it('gets no more deltas once 500 of them, or half of the bytes, are unconfirmed, and is not cut for it', async () => {
    const town = await TestTown.create();
    const agent = makeId('agt', new Uint8Array(20));
    const message = makeId('msg', new Uint8Array(20));
    const [many, large] = [await RawReader.open(town), await RawReader.open(town)];
    const deltas = (reader: RawReader) => reader.types.filter((type) => type === 'reeve.turn.delta').length;
    const say = (count: number, text: string) =>
      inside(town, (p) => {
        const delta = { agent, message, attempt: 1, text, at: '2100-01-01T00:00:00.000Z', afterSeq: p.events.head() };
        // Thoughts count like text.
        const kindOf = (id: number) => (id % 2 === 0 ? 'thought' : 'text');
        feedReaders(
          p,
          range(1, count).map((id) => ({ ...delta, id: String(id), kind: kindOf(id) })),
        );
      });
    await say(505, 'x');
    for (const reader of [many, large]) await reader.until(() => deltas(reader) === 500);
    large.ack(0, 500);
    await expect.poll(async () => (await readersOf(town)).map(({ deltasAcked }) => deltasAcked)).toContain(500);
    await say(20, 'z'.repeat(30_000));
    await happen(town, 1);
    const head = await headOf(town);
    for (const reader of [many, large]) await reader.until(({ seqs }) => seqs.at(-1) === head);
    expect(deltas(many)).toBe(500);
    expect(deltas(large)).toBe(500 + 9);
    // Who confirms gets deltas again.
    many.ack(head);
    await expect.poll(async () => (await readersOf(town)).some(({ acked }) => acked === head)).toBe(true);
    await say(1, 'w');
    await many.until((reader) => deltas(reader) === 501);
    expect([many.closed, large.closed]).toEqual([null, null]);
  });
});

describe('a replay', () => {
  it('is sent in pieces of 500, each when the reader has confirmed: no reader is cut for having much to catch up', async () => {
    const town = await TestTown.create();
    await happen(town, 3000);
    const head = await inside(town, (p) => p.events.head());
    const reader = await RawReader.open(town, 0);
    await reader.until(({ seqs }) => seqs.length === 500);
    expect(await readersOf(town)).toMatchObject([{ sent: 500, acked: 0, live: false }]);
    while (reader.seqs.length < head) {
      const seen = reader.seqs.length;
      reader.ack(seen);
      await reader.until(({ seqs }) => seqs.length > seen);
      // It goes on happening meanwhile.
      await happen(town, 10);
    }
    const last = await inside(town, (p) => p.events.head());
    for (;;) {
      reader.ack(reader.seqs.at(-1) ?? 0);
      if (reader.seqs.length === last) break;
      await reader.until(({ seqs }) => seqs.length === last);
    }
    expect(reader.seqs).toEqual(range(1, last));
    expect(reader.closed).toBeNull();
  });

  it('of a reader that confirms nothing stands still, and is cut when 1,000 more have happened', async () => {
    const town = await TestTown.create();
    await happen(town, 2000);
    const reader = await RawReader.open(town, 0);
    await happen(town, 1000, 100);
    expect(reader.closed).toBeNull();
    await happen(town, 1);
    await reader.until(({ closed }) => closed !== null);
    expect(reader.closed?.code).toBe(4008);
    expect(reader.seqs).toEqual(range(1, 500));
  });

  it('a burst that no reader could confirm in time cuts no reader: what does not fit follows when it confirms', async () => {
    const town = await TestTown.create();
    const head = await headOf(town);
    const reader = await RawReader.open(town);
    await happen(town, 1500);
    await reader.until(({ seqs }) => seqs.length === 1000);
    reader.ack(head + 1000);
    await reader.until(({ seqs }) => seqs.length === 1500);
    expect(reader.seqs).toEqual(range(head + 1, head + 1500));
    expect(await readersOf(town)).toMatchObject([{ live: true }]);
  });

  it('informs a reader whose place is no longer kept how many it missed', async () => {
    const town = await TestTown.create();
    await happen(town, 100);
    lab.clock.advance(EVENT_LIFE_MS + 1);
    await happen(town, 100);
    const { body } = await town.api<{ oldest: number; items: unknown[] }>('GET', '/events?after=10&limit=1');
    expect(body.oldest).toBeGreaterThan(11);
    expect(body.items).toMatchObject([{ seq: body.oldest }]);
    const reader = await RawReader.open(town, 10);
    await reader.until(({ seqs }) => seqs.length > 0);
    expect(reader.events[0]?.data).toMatchObject({ after: body.oldest - 1, missed: body.oldest - 11 });
    expect(reader.seqs[0]).toBe(body.oldest);
  });

  it('that is overtaken by the pruning is cut, so that it learns what it missed: no event is left out in silence', async () => {
    const town = await TestTown.create();
    await happen(town, 2000);
    lab.clock.advance(EVENT_LIFE_MS + 1);
    const reader = await RawReader.open(town, 0);
    await reader.until(({ seqs }) => seqs.length === 500);
    await happen(town, 512, 1);
    const oldest = await inside(town, (p) => p.events.oldest());
    expect(oldest).toBeGreaterThan(501);
    await reader.until(({ closed }) => closed !== null);
    expect(reader.seqs).toEqual(range(1, 500));
    expect(reader.closed?.code).toBe(4008);
    const again = await RawReader.open(town, 500);
    await again.until(({ seqs }) => seqs.length > 0);
    expect(again.events[0]?.data).toMatchObject({ after: oldest - 1, missed: oldest - 501 });
    expect(again.seqs[0]).toBe(oldest);
  });

  it('a reader that is ahead of a restored town goes on from where the town is', async () => {
    const town = await TestTown.create();
    const reader = await RawReader.open(town, 1_000_000);
    await happen(town, 1);
    const head = await headOf(town);
    await reader.until(({ seqs }) => seqs.length === 1);
    expect(reader.events[0]?.data).toMatchObject({ after: head - 1, missed: 0 });
    expect(reader.seqs).toEqual([head]);
  });
});

it('a stream shows nothing that happens after the end of its credential, also where the alarm is late', async () => {
  const town = await TestTown.create();
  const reader = await RawReader.open(town, 0);
  await reader.until(({ seqs }) => seqs.length > 0);
  const seen = reader.seqs;
  lab.clock.advance(MAX_STREAM_SECONDS * 1000);
  await happen(town, 1);
  await reader.until(({ closed, seqs }) => closed !== null || seqs.length > seen.length);
  expect([reader.seqs, reader.closed]).toEqual([seen, STREAM_CLOSE.ended]);
});

describe('what is no frame of a reader ends its stream', () => {
  it.each([
    ['a binary frame', new ArrayBuffer(8), STREAM_CLOSE.unsupported],
    ['no JSON', 'hello', STREAM_CLOSE.invalid],
    ['another type', '{"type":"say","seq":0}', STREAM_CLOSE.invalid],
    ['a field that is not known', '{"type":"ack","seq":0,"more":1}', STREAM_CLOSE.invalid],
    ['a negative number', '{"type":"ack","seq":-1}', STREAM_CLOSE.invalid],
    ['an event that was never sent', '{"type":"ack","seq":1000}', STREAM_CLOSE.invalid],
    ['a delta that was never sent', '{"type":"ack","seq":0,"deltas":1}', STREAM_CLOSE.invalid],
    ['1 KiB and a byte', `{"type":"ack","seq":0${' '.repeat(1003)}}`, STREAM_CLOSE.too_large],
  ])('%s', async (_, frame, why) => {
    const town = await TestTown.create();
    const reader = await RawReader.open(town);
    reader.send(frame);
    await reader.until(({ closed }) => closed !== null);
    expect(reader.closed).toEqual(why);
    expect(await readersOf(town)).toEqual([]);
  });

  it('1 KiB is taken, and so is a late confirmation', async () => {
    const town = await TestTown.create();
    const reader = await RawReader.open(town, 0);
    await reader.until(({ seqs }) => seqs.length > 0);
    reader.send(`{"type":"ack","seq":1${' '.repeat(1002)}}`);
    await expect.poll(async () => (await readersOf(town))[0]?.acked).toBe(1);
    reader.ack(0);
    reader.ack(1);
    await happen(town, 1);
    const head = await headOf(town);
    await reader.until(({ seqs }) => seqs.at(-1) === head);
    expect(reader.closed).toBeNull();
  });
});
