import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  TRACE_RANDOM_BYTES,
  beginTrace,
  continueTrace,
  deliveredMessageSchema,
  formatTraceparent,
  parseTraceparent,
  traceFields,
  traceparentSchema,
} from '#protocol';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const GOOD = `00-${TRACE}-${SPAN}-01`;

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const drawn = bytes(TRACE_RANDOM_BYTES).filter(
  (random) => random.subarray(0, 16).some((byte) => byte > 0) && random.subarray(16).some((byte) => byte > 0),
);

describe('a traceparent', () => {
  test('names a trace, a span and its flags', () => {
    expect(parseTraceparent(GOOD)).toEqual({ traceId: TRACE, spanId: SPAN, flags: 1 });
  });

  test('is read as it was written, for every trace that is begun or continued', () => {
    fc.assert(
      fc.property(drawn, drawn, (first, next) => {
        const trace = beginTrace(first);
        const child = continueTrace(trace, next.subarray(16));
        expect(parseTraceparent(formatTraceparent(trace))).toEqual(trace);
        expect(parseTraceparent(formatTraceparent(child))).toEqual(child);
        expect(child.traceId).toBe(trace.traceId);
      }),
    );
  });

  test('that is malformed counts as none', () => {
    const malformed = [
      '',
      GOOD.toUpperCase(),
      ` ${GOOD}`,
      `${GOOD}\n`,
      `${GOOD}-00`,
      `${GOOD},${GOOD}`,
      GOOD.replace(/^00/, '01'),
      GOOD.replace(/^00/, 'ff'),
      GOOD.replace(TRACE, '0'.repeat(32)),
      GOOD.replace(SPAN, '0'.repeat(16)),
      GOOD.replace(TRACE, TRACE.slice(1)),
      GOOD.replaceAll('-', '_'),
      GOOD.slice(0, -1),
    ];
    for (const text of malformed) expect(parseTraceparent(text), text).toBeNull();
    expect([parseTraceparent(null), parseTraceparent(undefined)]).toEqual([null, null]);
  });

  test('of any text is of 55 harmless characters, or none', () => {
    const near = fc.tuple(fc.nat(54), fc.string({ unit: 'binary', maxLength: 3 }));
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), near), (given) => {
        const text = typeof given === 'string' ? given : GOOD.slice(0, given[0]) + given[1] + GOOD.slice(given[0] + 1);
        const context = parseTraceparent(text);
        expect(traceparentSchema.safeParse(text).success).toBe(context !== null);
        if (context !== null) expect(formatTraceparent(context)).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-0[0-3]$/);
      }),
    );
  });

  test('passes on the two flags of level 2, and no other', () => {
    const flagsOf = (text: string) => parseTraceparent(GOOD.replace(/01$/, text))?.flags;
    expect(['00', '01', '02', '03', 'fc', 'ff'].map(flagsOf)).toEqual([0, 1, 2, 3, 0, 3]);
  });

  test('that is begun here says that its id is random, and may be recorded', () => {
    const random = Uint8Array.from({ length: TRACE_RANDOM_BYTES }, (_, at) => at + 1);
    expect(formatTraceparent(beginTrace(random))).toBe('00-0102030405060708090a0b0c0d0e0f10-1112131415161718-03');
    expect(traceFields(beginTrace(random))).toEqual({
      trace_id: '0102030405060708090a0b0c0d0e0f10',
      span_id: '1112131415161718',
    });
  });
});

describe('a message of a delivery', () => {
  const message = { message: `msg_${'0'.repeat(20)}`, attempt: 1, seq: 1, content: 'hello', sender: 'person:dev' };
  const traceparentOf = (given: object) => deliveredMessageSchema.parse({ ...message, ...given }).traceparent;

  test('keeps its trace, and is never refused for one that is missing or odd: an older town sends none', () => {
    expect(traceparentOf({ traceparent: GOOD })).toBe(GOOD);
    for (const given of [
      {},
      { traceparent: null },
      { traceparent: 'x' },
      { traceparent: 7 },
      { traceparent: `${GOOD}\n` },
    ]) {
      expect(traceparentOf(given)).toBeNull();
    }
  });

  test('is taken by a control server that knows of no trace', () => {
    const older = deliveredMessageSchema.omit({ traceparent: true });
    expect(older.parse({ ...message, traceparent: GOOD })).toEqual(message);
  });
});
