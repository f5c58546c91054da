import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MAX_DELTA_UNITS,
  MAX_ERROR_UNITS,
  MAX_REPLY_BYTES,
  MAX_TASK_UNITS,
  agentText,
  clip,
  cutToJsonBytes,
  delegationResultSchema,
  eventBatchSchema,
  heartbeatSchema,
  jsonBytes,
  messagesAcceptedSchema,
  newDelegationSchema,
  newMailSchema,
  turnResultSchema,
  utf8Bytes,
  writtenText,
} from '#protocol';
import { agentId, messageId } from '../support/ids.ts';

/** Any code units: lone surrogates, control characters and everything beside them. */
const anyText = fc.string({ unit: fc.integer({ min: 0, max: 0xff_ff }).map((unit) => String.fromCharCode(unit)) });
const LONE = '\ud83d';
const TURN = { message: messageId(1), attempt: 1, at: '2030-01-01T12:00:00Z' };

describe('jsonBytes', () => {
  it('is what JSON.stringify makes of the text, in UTF-8', () => {
    const real = (text: string) => new TextEncoder().encode(JSON.stringify(text)).length;
    fc.assert(fc.property(anyText, (text) => jsonBytes(text) === real(text)));
    for (let unit = 0; unit < 0x1_00_00; unit += 1) {
      const text = String.fromCharCode(unit);
      if (jsonBytes(text) !== real(text)) expect.fail(`U+${unit.toString(16)}`);
    }
    expect(jsonBytes('🦊')).toBe(real('🦊'));
    const utf8 = (text: string) => new TextEncoder().encode(text).length;
    fc.assert(fc.property(anyText, (text) => utf8Bytes(text) === utf8(text)));
  });
});

describe('cutToJsonBytes', () => {
  it('leaves a text at the limit as it is, and cuts one byte more', () => {
    expect(cutToJsonBytes('x'.repeat(100), 100)).toEqual({ text: 'x'.repeat(100), truncated: false });
    expect(cutToJsonBytes('x'.repeat(101), 100)).toEqual({ text: 'x'.repeat(100), truncated: true });
  });

  it('never cuts a character in half', () => {
    expect(cutToJsonBytes('€€€', 8)).toEqual({ text: '€€', truncated: true });
    expect(cutToJsonBytes('a😀😀', 8)).toEqual({ text: 'a😀', truncated: true });
  });

  it('counts escapes as they are on the wire', () => {
    expect(cutToJsonBytes('"\n\u0000', 10)).toEqual({ text: '"\n\u0000', truncated: false });
    expect(cutToJsonBytes('"\n\u0000', 9)).toEqual({ text: '"\n', truncated: true });
    expect(cutToJsonBytes('\ud800x', 6)).toEqual({ text: '\ud800', truncated: true });
  });
});

describe('clip', () => {
  it('leaves a text at the limit as it is, cuts what is longer, and never a character in half', () => {
    expect(clip('abc', 3)).toBe('abc');
    expect(clip('abcd', 3)).toBe('abc');
    expect(clip('ab🦊', 3)).toBe('ab');
    expect(clip('ab🦊', 4)).toBe('ab🦊');
    expect(clip('🦊', 0)).toBe('');
    fc.assert(fc.property(anyText, fc.nat(20), (text, most) => clip(text.toWellFormed(), most).isWellFormed()));
  });
});

describe('what a person writes', () => {
  it('is refused where it holds half a character, and otherwise kept as it is, NUL and all', () => {
    for (const text of [LONE, `a${LONE}`, '\udd8a🦊']) expect(writtenText.safeParse(text).success).toBe(false);
    for (const text of ['', 'a\u0000b', '🦊', '\ufffd']) expect(writtenText.parse(text)).toBe(text);
  });
});

describe('what an agent puts out', () => {
  it('is made whole, and cut where it is too long, and never refused for either', () => {
    expect(agentText().parse(`a${LONE}b\u0000`)).toBe('a\ufffdb\u0000');
    expect(agentText(3).parse('ab🦊')).toBe('ab');
  });

  it('is whole in every field that a container or an agent fills', () => {
    const events = eventBatchSchema.parse({
      counter: 1,
      events: [
        { ...TURN, type: 'turn.delta', text: LONE },
        { ...TURN, type: 'turn.finished', result: { state: 'done', reply: LONE, truncated: false } },
        { ...TURN, type: 'turn.finished', result: { state: 'failed', error: LONE } },
      ],
    });
    const swap = { agent: agentId(1), inc: 1, gen: 1, outcome: 'applied' };
    const held = { message: messageId(1), attempt: 1, state: 'done' };
    const messages = [{ ...held, result: { state: 'done', reply: LONE, truncated: false } }];
    const beat = { turn: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };
    const texts = JSON.stringify([
      events,
      messagesAcceptedSchema.parse({ swap, messages }),
      heartbeatSchema.parse({ ...beat, current_task: LONE }),
      newMailSchema.parse({ to: LONE, text: LONE }),
      newDelegationSchema.parse({ to: LONE, task: LONE }),
      delegationResultSchema.parse({ state: 'done', text: LONE }),
    ]);
    expect(texts).not.toContain('\\ud83d');
    expect(texts.match(/\ufffd/g)).toHaveLength(10);
  });

  it('a reply is cut at its limit in JSON text and says so; an error, a task and a delta are cut at theirs', () => {
    const reply = (text: string) => turnResultSchema.parse({ state: 'done', reply: text, truncated: false });
    const most = 'x'.repeat(MAX_REPLY_BYTES);
    expect(reply(most)).toEqual({ state: 'done', reply: most, truncated: false });
    expect(reply(`${most}x`)).toEqual({ state: 'done', reply: most, truncated: true });
    expect(reply('"'.repeat(MAX_REPLY_BYTES))).toMatchObject({
      reply: '"'.repeat(MAX_REPLY_BYTES / 2),
      truncated: true,
    });
    expect(reply(`${'x'.repeat(MAX_REPLY_BYTES - 1)}🦊`)).toMatchObject({ reply: most.slice(1), truncated: true });
    expect(turnResultSchema.parse({ state: 'done', reply: 'x', truncated: true })).toMatchObject({ truncated: true });
    const error = turnResultSchema.parse({ state: 'failed', error: 'x'.repeat(MAX_ERROR_UNITS + 1) });
    expect(error).toEqual({ state: 'failed', error: 'x'.repeat(MAX_ERROR_UNITS) });
    const delta = { ...TURN, type: 'turn.delta', kind: 'text', text: 'x'.repeat(MAX_DELTA_UNITS + 1) };
    expect(eventBatchSchema.parse({ counter: 1, events: [delta] }).events).toEqual([
      { ...delta, text: 'x'.repeat(MAX_DELTA_UNITS) },
    ]);
    const beat = { turn: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };
    const long = heartbeatSchema.parse({ ...beat, current_task: 'x'.repeat(MAX_TASK_UNITS + 1) });
    expect(long.current_task).toHaveLength(MAX_TASK_UNITS);
  });
});
