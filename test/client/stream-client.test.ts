import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { StreamClient, type Gap, type StreamClientOptions, type StreamState } from '../../client/stream-client.ts';
import { parseFrame } from '../../client/stream-event.ts';
import { STREAM_CLOSE, STREAM_PING, STREAM_PONG } from '#protocol';
import { settle } from '../container/support/manual-clock.ts';
import { FakeStream, eventOf } from './support/fake-stream.ts';

const ADDRESS = 'https://reeve.test/v1/towns/town_1/stream';
const SECONDS = 1000;
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);

interface Following {
  readonly stream: FakeStream;
  readonly client: StreamClient;
  readonly seqs: number[];
  readonly texts: string[];
  readonly gaps: Gap[];
  readonly states: StreamState['name'][];
}

const clients: StreamClient[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

function follow(more: Partial<StreamClientOptions> = {}, stream = new FakeStream()): Following {
  const [seqs, texts, gaps, states]: [number[], string[], Gap[], StreamState['name'][]] = [[], [], [], []];
  const options: StreamClientOptions = {
    address: ADDRESS,
    ticket: stream.ticket,
    onEvent: ({ seq }) => void seqs.push(seq),
    onDelta: ({ text }) => void texts.push(text),
    onGap: (gap) => void gaps.push(gap),
    onState: ({ name }) => void states.push(name),
    ...more,
  };
  const client = new StreamClient(options, stream.outside);
  clients.push(client);
  return { stream, client, seqs, texts, gaps, states };
}

describe('a client', () => {
  test('that its listener closes when it is live is called no more, not even with the gap that it began with', async () => {
    const stream = new FakeStream();
    stream.happen(9);
    stream.oldest = 5;
    const states: StreamState['name'][] = [];
    const { client, gaps, seqs } = follow(
      {
        after: 1,
        onState: ({ name }) => {
          states.push(name);
          if (name === 'live') client.close();
        },
      },
      stream,
    );
    await settle();
    expect([states, gaps, seqs]).toEqual([['connecting', 'live', 'ended'], [], []]);
  });

  test('gets a ticket, connects with it and with its place, and shows what happens in order', async () => {
    const stream = new FakeStream();
    stream.happen(5);
    const { seqs, states, client } = follow({ after: 2 }, stream);
    await settle();
    stream.happen(2);
    expect(seqs).toEqual(range(3, 7));
    expect(client.seq).toBe(7);
    expect(states).toEqual(['connecting', 'live']);
    expect(stream.addresses).toEqual(['wss://reeve.test/v1/towns/town_1/stream?ticket=ticket-1&after=2']);
  });

  test('without a place begins with the next event, and keeps the place that it was sent', async () => {
    const stream = new FakeStream();
    stream.happen(5);
    const { seqs, client } = follow({}, stream);
    await settle();
    expect([client.seq, stream.addresses[0]?.includes('after')]).toEqual([5, false]);
    stream.last.end(1006);
    stream.happen(2);
    await stream.clock.advance(SECONDS);
    expect(seqs).toEqual([6, 7]);
  });

  test('shows deltas as they come, between events, and loses none that it was sent', async () => {
    const { stream, texts, seqs } = follow();
    await settle();
    stream.happen();
    stream.last.delta('one ');
    stream.last.delta('two');
    stream.happen();
    expect([texts.join(''), seqs]).toEqual(['one two', [1, 2]]);
  });

  test('tells thoughts from text, and confirms both', async () => {
    const kinds: string[] = [];
    const { stream } = follow({ onDelta: ({ kind, text }) => void kinds.push(`${kind} ${text}`) });
    await settle();
    stream.last.delta('hm', 'thought');
    stream.last.delta('yes');
    await stream.clock.advance(500);
    expect([kinds, stream.last.acked.deltas]).toEqual([['thought hm', 'text yes'], 2]);
  });

  test('confirms each 100 events and deltas at once, and fewer half a second after the first', async () => {
    const { stream } = follow();
    await settle();
    stream.happen(60);
    for (let nth = 0; nth < 39; nth += 1) stream.last.delta('x');
    expect(stream.last.acked).toEqual({ seq: 0, deltas: 0 });
    stream.happen();
    expect(stream.last.acked).toEqual({ seq: 61, deltas: 39 });
    stream.last.delta('y');
    await stream.clock.advance(499);
    expect(stream.last.unacked).toBe(1);
    await stream.clock.advance(1);
    expect(stream.last.acked).toEqual({ seq: 61, deltas: 40 });
  });

  test('confirms a frame once, however much it holds', async () => {
    const { stream, seqs } = follow();
    await settle();
    const received: string[] = [];
    stream.last.receive = (text) => void received.push(text);
    stream.happen(250);
    expect(seqs).toEqual(range(1, 250));
    expect(received.map((text) => JSON.parse(text) as unknown)).toEqual([{ type: 'ack', seq: 250, deltas: 0 }]);
  });

  test('that its listener closes in the middle of a frame shows no more of it, and confirms nothing', async () => {
    const stream = new FakeStream();
    const seqs: number[] = [];
    const { client } = follow(
      {
        onEvent: ({ seq }) => {
          seqs.push(seq);
          if (seq === 2) client.close();
        },
      },
      stream,
    );
    await settle();
    stream.happen(200);
    expect([seqs, stream.last.acked.seq, stream.clock.pending]).toEqual([[1, 2], 0, 0]);
  });

  test('close ends it: nothing is called and nothing is left to run', async () => {
    const { stream, client, seqs, states } = follow();
    await settle();
    stream.happen(3);
    client.close();
    client.close();
    stream.last.closed = false;
    stream.happen(3);
    await stream.clock.advance(3600 * SECONDS);
    expect([seqs, states.at(-1), stream.connections.length]).toEqual([[1, 2, 3], 'ended', 1]);
    expect(stream.clock.pending).toBe(0);
  });

  test.each(['connecting', 'waiting', 'live'] as const)('may be closed by its own listener, %s', async (when) => {
    const stream = new FakeStream();
    let made: StreamClient | null = null;
    stream.admit = () => when !== 'waiting';
    const { client } = follow({ onState: ({ name }) => (name === when ? made?.close() : undefined) }, stream);
    made = client;
    if (when === 'connecting') stream.admit = () => false;
    await stream.clock.advance(3600 * SECONDS);
    expect([client.state, stream.clock.pending, stream.open.length]).toEqual([{ name: 'ended', why: 'closed' }, 0, 0]);
  });
});

describe('a connection that ends', () => {
  test.each([STREAM_CLOSE.stalled.code, STREAM_CLOSE.ended.code])(
    'by %i, after something was shown: it comes again at once, with a new ticket and its place',
    async (code) => {
      const { stream, seqs } = follow();
      await settle();
      stream.happen(3);
      stream.last.end(code);
      stream.happen(2);
      await settle();
      expect(seqs).toEqual(range(1, 5));
      expect([stream.ticketsGiven, stream.connections.length]).toEqual([2, 2]);
    },
  );

  test.each([1003, 1006, 1008, 1009, 1011, 4008, 4001])(
    'by %i before anything was shown: it comes again with waits that double to 30 s',
    async (code) => {
      const { stream } = follow();
      stream.admit = () => false;
      await settle();
      const waits: number[] = [];
      for (let failures = 0; failures < 9; failures += 1) {
        const [before, from] = [stream.connections.length, stream.clock.nowMs()];
        stream.last.end(code);
        while (stream.connections.length === before) await stream.clock.advance(100);
        waits.push(stream.clock.nowMs() - from);
      }
      expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    },
  );

  test('after a connection that lived, the waits are short again', async () => {
    const { stream } = follow();
    stream.admit = () => false;
    await stream.clock.advance(100 * SECONDS);
    stream.admit = () => true;
    await stream.clock.advance(40 * SECONDS);
    const before = stream.connections.length;
    stream.last.end(1006);
    await stream.clock.advance(500);
    expect(stream.connections.length).toBe(before + 1);
  });

  test('a network that goes without a word is found out within a minute and a half, and an idle one is kept', async () => {
    const { stream, seqs } = follow();
    await stream.clock.advance(3600 * SECONDS);
    expect([stream.connections.length, stream.last.pings > 100]).toEqual([1, true]);
    stream.last.mute = true;
    stream.happen(3);
    await stream.clock.advance(90 * SECONDS);
    expect(stream.connections.length).toBe(2);
    expect(seqs).toEqual([1, 2, 3]);
  });

  test('a town that never says where the stream begins is given up after 15 s', async () => {
    const { stream } = follow();
    await Promise.resolve();
    stream.admit = () => {
      stream.last.mute = true;
      return true;
    };
    await stream.clock.advance(16 * SECONDS);
    expect(stream.connections.length).toBe(2);
  });
});

describe('tickets', () => {
  test('one that cannot be fetched, or does not come within 15 s, is asked for again, and a page can show why and when', async () => {
    const stream = new FakeStream();
    let asked = 0;
    const ticket = (): Promise<string> => {
      asked += 1;
      if (asked === 1) return Promise.reject(new Error('offline'));
      return asked === 2 ? new Promise(() => undefined) : stream.ticket();
    };
    const errors: unknown[] = [];
    const { states, client } = follow({ ticket, onError: (error) => void errors.push(error) }, stream);
    await stream.clock.advance(400);
    expect([asked, states]).toEqual([1, ['connecting', 'waiting']]);
    expect([client.state, errors]).toEqual([{ name: 'waiting', retryInMs: 500 }, [new Error('offline')]]);
    await stream.clock.advance(100 + 15 * SECONDS + 1000);
    expect([asked, states.at(-1)]).toEqual([3, 'live']);
  });

  test('null says that there will be none: the client has ended, and says that it was refused', async () => {
    const stream = new FakeStream();
    const { client } = follow({ ticket: async () => null }, stream);
    await stream.clock.advance(60 * SECONDS);
    expect([client.state, stream.connections.length, stream.clock.pending]).toEqual([
      { name: 'ended', why: 'refused' },
      0,
      0,
    ]);
  });
});

describe('what a town says', () => {
  test('a place that is no longer kept is reported as a gap, and so is a town that was put back', async () => {
    const stream = new FakeStream();
    stream.happen(100);
    stream.oldest = 51;
    const { seqs, gaps } = follow({ after: 10 }, stream);
    await settle();
    expect([gaps, seqs]).toEqual([[{ from: 10, to: 50 }], range(51, 100)]);
    stream.last.end(1006);
    stream.head = 70;
    await stream.clock.advance(SECONDS);
    expect(gaps.at(-1)).toEqual({ from: 100, to: 70 });
    stream.happen();
    expect(seqs.at(-1)).toBe(71);
  });

  test('an event that comes twice is shown once', async () => {
    const { stream, seqs } = follow();
    await settle();
    stream.happen(3);
    stream.last.say([eventOf(2)]);
    stream.last.say([eventOf(3), eventOf(4)]);
    stream.last.events([5]);
    expect(seqs).toEqual([1, 2, 3, 4, 5]);
  });

  test('of a frame that leaves one out, what comes before that is shown, and the rest when it comes again', async () => {
    const { stream, seqs } = follow();
    await settle();
    stream.happen(1);
    stream.last.say([eventOf(2), eventOf(4)]);
    expect([seqs, stream.open]).toEqual([[1, 2], []]);
    stream.happen(4);
    await stream.clock.advance(SECONDS);
    expect(seqs).toEqual(range(1, 5));
  });

  test.each([
    ['an event that leaves one out', JSON.stringify([eventOf(9)])],
    ['no JSON', 'hello'],
    ['no object', '7'],
    ['an event outside of a list', JSON.stringify(eventOf(4))],
    ['a list in a list', JSON.stringify([[eventOf(4)]])],
    ['no type', '[{"seq":4}]'],
    ['an event without data', '[{"type":"a","id":"4","subject":"b","time":"c","seq":4}]'],
    ['one without data beside a whole one', JSON.stringify([eventOf(4), { ...eventOf(5), data: null }])],
    ['a delta without text', '[{"type":"reeve.turn.delta","id":"4","subject":"b","data":{}}]'],
    [
      'a delta of no known kind',
      '[{"type":"reeve.turn.delta","id":"4","subject":"b","data":{"message":"m","attempt":1,"kind":"song","text":"c"}}]',
    ],
    ['a second beginning', '[{"type":"reeve.stream.opened","data":{"after":3}}]'],
  ])('%s: it comes again with its place, and shows nothing of it', async (_, text) => {
    const { stream, seqs } = follow();
    await settle();
    stream.happen(3);
    stream.last.say(text);
    expect(stream.open).toEqual([]);
    stream.happen(2);
    await stream.clock.advance(SECONDS);
    expect(seqs).toEqual(range(1, 5));
  });

  test('what it does not know in a frame is left alone', async () => {
    const { stream, seqs } = follow();
    await settle();
    stream.last.say([{ type: 'reeve.stream.something', ephemeral: true, data: {} }]);
    stream.happen();
    expect([seqs, stream.connections.length]).toEqual([[1], 1]);
  });
});

test('reads the example of docs/stream.md', () => {
  const document = readFileSync(join(import.meta.dirname, '../../docs/stream.md'), 'utf8');
  const [, example = ''] = /```json\n(.+?)```/s.exec(document) ?? [];
  expect(parseFrame(example)?.map(({ kind }) => kind)).toEqual(['event', 'delta']);
});

test('whatever the weather, every event is shown once and in order', async () => {
  const weather = fc.array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ kind: fc.constant('happen' as const), count: fc.integer({ min: 1, max: 130 }) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('end' as const), code: fc.constantFrom(1006, 4008, 4001, 1011) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constantFrom('mute' as const, 'refuse' as const, 'admit' as const) }),
      },
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 40_000 }) }),
      },
    ),
    { maxLength: 30 },
  );
  await fc.assert(
    fc.asyncProperty(weather, async (steps) => {
      const { stream, client, seqs, gaps } = follow({ after: 0 });
      for (const step of steps) {
        if (step.kind === 'happen') stream.happen(step.count);
        else if (step.kind === 'end') stream.connections.at(-1)?.end(step.code);
        else if (step.kind === 'pass') await stream.clock.advance(step.ms);
        else if (step.kind === 'mute') for (const connection of stream.open) connection.mute = true;
        else stream.admit = () => step.kind === 'admit';
        for (const connection of stream.open.filter(({ mute }) => !mute)) expect(connection.unacked).toBeLessThan(100);
      }
      stream.admit = () => true;
      stream.happen();
      await stream.clock.advance(200 * SECONDS);
      expect(seqs).toEqual(range(1, stream.head));
      expect(gaps).toEqual([]);
      expect(stream.open.length).toBe(1);
      client.close();
      expect(stream.clock.pending).toBe(0);
    }),
    { numRuns: 60 },
  );
});

test('the frames that the platform answers by itself are byte for byte those of the client', async () => {
  const { stream } = follow();
  const received: string[] = [];
  await settle();
  stream.last.receive = (text) => void received.push(text);
  await stream.clock.advance(25 * SECONDS);
  expect(received).toEqual([STREAM_PING]);
  stream.last.say(STREAM_PONG);
  expect(stream.open).toHaveLength(1);
});
