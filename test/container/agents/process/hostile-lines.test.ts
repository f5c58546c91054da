/** What an agent may write in the middle of a turn: no line of it ends the turn, the process or the control server, or is refused by the town. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { turnEventSchema } from '#protocol';
import type { AgentProcess, TurnOutput } from '../../../../container/agents/agent-process.ts';
import { TurnUpdates } from '../../../../container/agents/process/shown-update.ts';
import { messageId } from '../../../support/ids.ts';
import { ProcessScene, agent } from './support/process-scene.ts';

let scene: ProcessScene;
let folder: string;
/** One for all of it: what comes of a line shows in the turns after it, too. */
let started: AgentProcess;
beforeAll(async () => {
  scene = new ProcessScene();
  folder = mkdtempSync(join(tmpdir(), 'reeve-lines-'));
  started = await scene.start(agent('lines', join(folder, 'lines')));
});
afterAll(async () => {
  await scene.end();
  rmSync(folder, { recursive: true, force: true });
});

const SESSION = 'session-1';
const rpc = (message: object): string => JSON.stringify({ jsonrpc: '2.0', ...message });
const updated = (update: unknown, sessionId: unknown = SESSION): string =>
  rpc({ method: 'session/update', params: { sessionId, update } });
const asks = (toolCall: unknown, options: unknown): string =>
  rpc({ id: 'ask', method: 'session/request_permission', params: { sessionId: SESSION, toolCall, options } });
const nested = (levels: number, open: string, close: string): string =>
  `${open.repeat(levels)}1${close.repeat(levels)}`;
/** A message whose `rawInput` is the text as it is: what no serializer would write. */
const withInput = (input: string): string =>
  updated({ sessionUpdate: 'tool_call', toolCallId: 't', title: 't', rawInput: '@' }).replace('"@"', input);
const option = (optionId: unknown, kind: unknown = 'allow_once') => ({ optionId, name: 'x', kind });
const call = { toolCallId: 't1', title: 'Write', kind: 'edit' };
const long = 'x'.repeat(300_000);

const LINES: readonly (readonly [what: string, line: string | Buffer])[] = [
  ['no JSON', 'undefined'],
  ['an empty line, many times', '\n'.repeat(10_000)],
  ['a mark of the byte order', `\uFEFF${updated({ sessionUpdate: 'plan', entries: [] })}`],
  ['bytes that are no UTF-8', Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0x0a])],
  ['another protocol', JSON.stringify({ jsonrpc: '1.0', method: 'session/update' })],
  ['a batch', `[${updated({ sessionUpdate: 'plan', entries: [] })}]`],
  ['an answer that nobody waits for', rpc({ id: 4711, result: {} })],
  ['an answer to nothing', rpc({ id: null, result: {} })],
  ['an answer whose id is a structure', rpc({ id: { a: 1 }, result: {} })],
  ['an error that nobody waits for', rpc({ id: 4712, error: { code: 'x', message: 1 } })],
  ['a method that is a number', rpc({ id: 1e9, method: 17 })],
  ['parameters that are a list', rpc({ method: 'session/update', params: [1, 2] })],
  [
    'a request for a file',
    rpc({ id: 7, method: 'fs/read_text_file', params: { sessionId: SESSION, path: '/etc/passwd' } }),
  ],
  [
    'a request for a terminal',
    rpc({ id: 8, method: 'terminal/create', params: { sessionId: SESSION, command: 'sh' } }),
  ],
  ['keys of a prototype', updated(JSON.parse('{"__proto__":{"sessionUpdate":"plan"},"constructor":{"prototype":1}}'))],
  ['a key twice', updated({ sessionUpdate: 'plan', entries: [] }).replace('"entries"', '"sessionUpdate":7,"entries"')],
  [
    'an update of another session',
    updated({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: 'no' } }, 'other'),
  ],
  ['an update of no kind', updated({ sessionUpdate: 'no such kind', content: 1 })],
  ['an update without its content', updated({ sessionUpdate: 'agent_message_chunk' })],
  ['an update that is null', updated(null)],
  ['half a character', updated({ sessionUpdate: 'agent_thought_chunk', content: { type: 'text', text: '\ud83d' } })],
  ['NUL', updated({ sessionUpdate: 'agent_thought_chunk', content: { type: 'text', text: 'a\u0000b' } })],
  [
    'a picture',
    updated({ sessionUpdate: 'agent_thought_chunk', content: { type: 'image', data: long, mimeType: 'x/y' } }),
  ],
  ['a long title', updated({ sessionUpdate: 'tool_call', ...call, title: long, toolCallId: long })],
  [
    'a plan of many steps',
    updated({
      sessionUpdate: 'plan',
      entries: Array.from({ length: 5000 }, () => ({ content: long.slice(0, 99), status: 'pending', priority: 'low' })),
    }),
  ],
  ['an input of 10,000 levels', withInput(nested(10_000, '[', ']'))],
  ['an input of 10,000 objects', withInput(nested(10_000, '{"a":', '}'))],
  ['an input that is a big number', withInput('1e999999')],
  ['a question without options', asks(call, [])],
  [
    'a question with many options',
    asks(
      call,
      Array.from({ length: 5000 }, (_, at) => option(`o${at}`)),
    ),
  ],
  ['a question whose options have no id', asks(call, [option(''), option('yes')])],
  ['a question whose options have a long id', asks(call, [option(long), option('yes')])],
  ['a question whose options have one id', asks(call, [option('yes'), option('yes', 'reject_once')])],
  ['a question of no kind', asks(call, [option('yes', 'no such kind')])],
  ['a question about nothing', asks(null, [option('yes')])],
  [
    'a question with a deep input',
    asks({ ...call, rawInput: '@' }, [option('yes')]).replace('"@"', nested(10_000, '[', ']')),
  ],
];

/** As the agent's queue hands them to the reporter. */
function reported(said: readonly TurnOutput[]): readonly object[] {
  const stamp = { message: messageId(1), attempt: 1, at: new Date(0).toISOString() };
  return said.flatMap((output) => (output.kind === 'event' ? [{ ...output.event, ...stamp }] : []));
}

/** A turn in which the agent writes these, and then a reply; returns what was said in it. */
async function turn(lines: string | Buffer): Promise<readonly TurnOutput[]> {
  const printed = vi.spyOn(console, 'error').mockReturnValue(undefined);
  writeFileSync(join(folder, 'lines'), Buffer.concat([Buffer.from(lines), Buffer.from('\n')]));
  const { reply, said } = scene.prompt(started, 'hello');
  expect(await reply).toBe('still here');
  for (const event of reported(said)) expect(turnEventSchema.safeParse(event)).toMatchObject({ success: true });
  // What else its library prints, of answers that nobody waits for, main.test.ts shows to be counted only.
  const prints = printed.mock.calls.map(([what]: unknown[]) => what);
  printed.mockRestore();
  expect(prints.filter((what) => what !== 'Got response to unknown request')).toEqual([]);
  return said;
}

describe('an agent in its turn', () => {
  it('that writes what is no update of a turn is named in the log, ever more rarely', async () => {
    await turn(`${updated(null)}\n`.repeat(300));
    const lines = scene.log.lines.filter(({ event }) => event === 'agent_update_unreadable');
    expect(lines.map(({ fields }) => fields?.['count'])).toEqual([
      1, 2, 3, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 200, 300,
    ]);
  });

  it('is shown with what can be shown of it, and asks with the options that a person could name', async () => {
    const lines = [
      updated({
        sessionUpdate: 'agent_thought_chunk',
        content: { type: 'resource_link', name: 'x', uri: 'file:///a' },
      }),
      updated({
        sessionUpdate: 'agent_thought_chunk',
        content: { type: 'image', data: 'AA==', mimeType: 'x/y', uri: null },
      }),
      updated({ sessionUpdate: 'tool_call', ...call, status: 'odd', content: 7, rawInput: '@' }).replace(
        '"@"',
        nested(10_000, '[', ']'),
      ),
    ];
    const step = { content: 'look', status: 'pending', priority: 'high' };
    lines.push(updated({ sessionUpdate: 'plan', entries: [7, step, { content: 'half' }] }));
    const texts = [null, { type: 'content', content: { type: 'text', text: 'its text' } }];
    lines.push(updated({ sessionUpdate: 'tool_call_update', toolCallId: 't1', content: texts }));
    const shown = { tool_call: 't1', title: 'Write', kind: 'edit', status: 'pending', detail: '[too deep]' };
    expect(await turn(lines.join('\n'))).toEqual([
      { kind: 'thought', text: 'file:///a' },
      { kind: 'thought', text: '[image]' },
      { kind: 'event', event: { type: 'turn.tool_call', ...shown } },
      { kind: 'event', event: { type: 'turn.plan', entries: [step] } },
      { kind: 'event', event: { type: 'turn.tool_call', ...shown, detail: 'its text' } },
      { kind: 'text', text: 'still here' },
    ]);
    const asked = new TurnUpdates().question(call, [
      { id: '', name: 'x', kind: 'allow_once' },
      { id: long, name: 'x', kind: 'allow_once' },
      { id: 'yes', name: long, kind: 'allow_once' },
    ]);
    expect(asked.options.map(({ id }) => id)).toEqual(['yes']);
  });

  it.each(LINES)('that writes %s goes on, and the town takes what is reported of it', async (_, line) => {
    await turn(line);
  });

  it('that writes all of it, in any order and cut anywhere, goes on', async () => {
    const all = LINES.map(([, line]) => Buffer.from(line));
    const cut = fc.tuple(fc.nat(all.length - 1), fc.double({ min: 0, max: 1, noNaN: true }));
    const pieces = fc.array(cut, { minLength: 20, maxLength: 60 });
    const written = (drawn: readonly [number, number][]): Buffer[] =>
      drawn.map(([at, share]) => {
        const line = all[at] ?? Buffer.alloc(0);
        return Buffer.concat([line.subarray(0, Math.ceil(line.length * share)), Buffer.from('\n')]);
      });
    await fc.assert(
      fc.asyncProperty(pieces, async (drawn) => void (await turn(Buffer.concat(written(drawn))))),
      { numRuns: 10 },
    );
  });
});
