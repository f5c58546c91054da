import { describe, expect, test } from 'vitest';
import { eventBatchSchema, makeId, turnEventSchema } from '#protocol';
import { messageId } from '../support/ids.ts';

const at = '2027-01-01T00:00:00.000Z';
const turn = { message: messageId(1), attempt: 1, at };
const permission = makeId('prm', new Uint8Array(20));
const option = { id: 'yes', name: 'Yes', kind: 'allow_once' };
const toolCall = { type: 'turn.tool_call', ...turn, tool_call: 't1', title: 'Read', kind: 'read', status: 'pending' };
const requested = { type: 'permission.requested', ...turn, permission, title: 'Write', kind: 'edit', input: '{}' };
const resolved = { type: 'permission.resolved', ...turn, permission, outcome: 'selected', option: 'yes', by: 'person' };
const exited = { type: 'process.exited', at, exit_code: null, signal: 'SIGKILL', reason: 'crashed', stderr: 'oh' };
const reads = (event: object): boolean => turnEventSchema.safeParse(event).success;

describe('an event of a turn', () => {
  test('may be a tool call, a plan, a question and its answer, and the end of the process', () => {
    const entries = [{ content: 'look', status: 'pending', priority: 'high' }];
    const events = [
      { ...toolCall, detail: 'a.txt' },
      { type: 'turn.plan', ...turn, entries },
      { ...requested, options: [option], expires_at: at },
      resolved,
      { ...resolved, outcome: 'cancelled', option: null, by: 'deadline' },
      exited,
    ];
    expect(eventBatchSchema.parse({ counter: 1, events }).events).toEqual(events);
  });

  test('is text unless it says that it is a thought', () => {
    expect(turnEventSchema.parse({ type: 'turn.delta', ...turn, text: 'a' })).toMatchObject({ kind: 'text' });
    expect(reads({ type: 'turn.delta', ...turn, text: 'a', kind: 'thought' })).toBe(true);
    expect(reads({ type: 'turn.delta', ...turn, text: 'a', kind: 'shout' })).toBe(false);
  });

  test('is cut where a text in it is too long, so that the town never refuses a report for its length', () => {
    const long = 'x'.repeat(100_000);
    const read = turnEventSchema.parse({ ...toolCall, tool_call: long, title: long, kind: long, detail: long });
    const cut = { tool_call: 'x'.repeat(256), title: 'x'.repeat(512), kind: 'x'.repeat(64), detail: 'x'.repeat(8192) };
    expect(read).toEqual({ ...toolCall, ...cut });
    expect(turnEventSchema.parse({ ...exited, stderr: long })).toEqual({ ...exited, stderr: 'x'.repeat(65_536) });
  });

  test('holds at most 64 entries of a plan and 16 options of a question', () => {
    const entry = { content: '', status: '', priority: '' };
    const plan = (count: number) => ({
      type: 'turn.plan',
      ...turn,
      entries: Array.from({ length: count }, () => entry),
    });
    expect([reads(plan(64)), reads(plan(65))]).toEqual([true, false]);
    const question = (count: number) => ({
      ...requested,
      options: Array.from({ length: count }, () => option),
      expires_at: at,
    });
    expect([reads(question(16)), reads(question(17))]).toEqual([true, false]);
  });
});
