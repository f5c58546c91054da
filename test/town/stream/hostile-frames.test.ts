/** Frames that no honest reader sends: each is confirmed by nothing or ends its own stream, and no other reader misses an event for it. */
import * as fc from 'fast-check';
import { env } from 'cloudflare:test';
import { expect, it } from 'vitest';
import { STREAM_CLOSE } from '../../../src/protocol/index.ts';
import { inside } from '../support/inside.ts';
import { RawReader, happen, readersOf } from '../support/raw-reader.ts';
import { TestTown } from '../support/town.ts';

const IS_FULL = env.HOSTILE === 'full';
const SEED = 20_270_301;

const binary = (...bytes: readonly number[]): ArrayBuffer => new Uint8Array(bytes).buffer;
const DEEP = 400;

/** Recorded frames: what once broke something becomes a line here. */
const FRAMES: readonly (string | ArrayBuffer)[] = [
  '',
  ' ',
  'null',
  '[]',
  '{}',
  '{"type":"ack"}',
  '{"type":"ack","seq":null}',
  '{"type":"ack","seq":1e999}',
  '{"type":"ack","seq":-0.5}',
  '{"type":"ack","seq":9007199254740993}',
  '{"type":"ack","seq":0,"deltas":-1}',
  '{"type":"ack","seq":0,"deltas":1e308}',
  '{"type":"ack","seq":0,"__proto__":{"seq":9}}',
  '{"__proto__":{"type":"ping"}}',
  '{"type":"__proto__"}',
  '{"type":"ping","more":1}',
  '\ufeff{"type":"ping"}',
  '"\\ud800"',
  '\u0000',
  '['.repeat(DEEP),
  `${'['.repeat(DEEP)}${']'.repeat(DEEP)}`,
  'x'.repeat(1025),
  'é'.repeat(513),
  'x'.repeat(900_000),
  binary(),
  binary(0xff, 0xfe, 0xc0, 0x80),
  binary(...new TextEncoder().encode('{"type":"ping"}')),
];

/** Near what a reader confirms with, and anything. */
const aFrame = fc.oneof(
  fc
    .record(
      { type: fc.constantFrom('ack', 'ping', 'say'), seq: fc.oneof(fc.integer(), fc.double()), deltas: fc.integer() },
      { requiredKeys: ['type'] },
    )
    .map((frame) => JSON.stringify(frame)),
  fc.json({ maxDepth: 5 }),
  fc.string({ unit: 'grapheme', maxLength: 200 }),
);

/** Reasons that are the reader's own doing. */
const OWN_DOING = [STREAM_CLOSE.invalid, STREAM_CLOSE.unsupported, STREAM_CLOSE.too_large].map(({ code }) => code);

it('whatever a reader sends, its stream ends with a reason or goes on, and the others get every event once', async () => {
  const town = await TestTown.create();
  const witness = await RawReader.open(town, 0);
  await witness.until(({ seqs }) => seqs.length > 0);
  const frames = [...FRAMES, ...fc.sample(aFrame, { seed: SEED, numRuns: IS_FULL ? 2000 : 30 })];
  for (const frame of frames) {
    const reader = await RawReader.open(town);
    await reader.until(({ types }) => types.includes('reeve.stream.opened'));
    reader.send(frame);
    await happen(town, 1);
    const last = await inside(town, (p) => p.events.head());
    await witness.until(({ seqs }) => seqs.at(-1) === last);
    await reader.until(({ closed, seqs }) => closed !== null || seqs.includes(last));
    const sent = typeof frame === 'string' ? frame.slice(0, 80) : `${frame.byteLength} bytes`;
    if (reader.closed !== null) expect([sent, OWN_DOING]).toEqual([sent, expect.arrayContaining([reader.closed.code])]);
    reader.close();
    witness.ack(last);
  }
  expect(witness.closed).toBeNull();
  expect(witness.seqs).toEqual(witness.seqs.map((_, at) => at + 1));
});

it('a flood of frames, good ones and confirmations of what was sent long ago, holds up no other reader', async () => {
  const town = await TestTown.create();
  const [witness, flooder] = [await RawReader.open(town, 0), await RawReader.open(town, 0)];
  await flooder.until(({ seqs }) => seqs.length > 0);
  for (let nth = 0; nth < 500; nth += 1) flooder.ack(nth % 2);
  await happen(town, 5, 1);
  await witness.until(({ seqs }) => seqs.length >= 6);
  await flooder.until(({ seqs }) => seqs.length >= 6);
  expect([witness.closed, flooder.closed]).toEqual([null, null]);
  expect(await readersOf(town)).toHaveLength(2);
});
