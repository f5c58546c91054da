/** Runs of AG-UI: their events, as the protocol's own schemas read them, and what becomes of the message. */
import { EventSchemas } from '@ag-ui/core/schemas';
import { beforeEach, describe, expect, test } from 'vitest';
import type { AnswerStep } from '../../../src/http/openai/answer-so-far.ts';
import { runEvents } from '../../../src/http/openai/ag-ui-events.ts';
import { FOREIGN, OWN, makeScene, type EdgeScene } from '../../support/fake-edge.ts';
import { agentId } from '../../support/ids.ts';

const RUN = { threadId: 'thread-1', runId: 'run-1' };
const HELLO = [{ id: '1', role: 'user', content: 'hello' }];

async function* from(steps: readonly AnswerStep[]): AsyncGenerator<AnswerStep, void> {
  yield* steps;
}

/** The events of a stream, each as the protocol has it; comments are left out. */
function eventsIn(text: string) {
  return text
    .split('\n\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => EventSchemas.parse(JSON.parse(line.slice('data: '.length))));
}

async function eventsOf(steps: readonly AnswerStep[]) {
  let text = '';
  for await (const piece of runEvents(RUN, 'answer', from(steps))) text += piece;
  return eventsIn(text);
}

const DONE: AnswerStep = { kind: 'end', outcome: { kind: 'answered', text: 'hi', finish: 'stop' } };

describe('a run', () => {
  test('begins and ends, and each message in it is begun, written and ended before the next', async () => {
    const events = await eventsOf([
      { kind: 'reasoning', text: 'let me see' },
      { kind: 'idle' },
      { kind: 'text', text: 'h' },
      { kind: 'text', text: 'i' },
      { kind: 'reasoning', text: 'more' },
      DONE,
    ]);
    const told = events.map((event) => [event.type, 'messageId' in event ? event.messageId : null]);
    expect(told).toEqual([
      ['RUN_STARTED', null],
      ['REASONING_START', 'answer-1'],
      ['REASONING_MESSAGE_START', 'answer-1'],
      ['REASONING_MESSAGE_CONTENT', 'answer-1'],
      ['REASONING_MESSAGE_END', 'answer-1'],
      ['REASONING_END', 'answer-1'],
      ['TEXT_MESSAGE_START', 'answer-2'],
      ['TEXT_MESSAGE_CONTENT', 'answer-2'],
      ['TEXT_MESSAGE_CONTENT', 'answer-2'],
      ['TEXT_MESSAGE_END', 'answer-2'],
      ['REASONING_START', 'answer-3'],
      ['REASONING_MESSAGE_START', 'answer-3'],
      ['REASONING_MESSAGE_CONTENT', 'answer-3'],
      ['REASONING_MESSAGE_END', 'answer-3'],
      ['REASONING_END', 'answer-3'],
      ['RUN_FINISHED', null],
    ]);
    expect(events[0]).toMatchObject({ ...RUN, protocolVersion: '1.0' });
    expect(events.at(-1)).toMatchObject(RUN);
  });

  test('of a turn that failed ends what it began, and then with its error', async () => {
    const error = { error: { message: 'it broke', type: 'server_error', param: null, code: 'agent_failed' } };
    const events = await eventsOf([
      { kind: 'text', text: 'h' },
      { kind: 'end', outcome: { kind: 'failed', error } },
    ]);
    expect(events.map(({ type }) => type).slice(-2)).toEqual(['TEXT_MESSAGE_END', 'RUN_ERROR']);
    expect(events.at(-1)).toMatchObject({ message: 'it broke', code: 'agent_failed' });
  });
});

describe('an agent that is run', () => {
  let scene: EdgeScene;
  beforeEach(async () => {
    scene = await makeScene();
    scene.town.agents.set(agentId(1), scene.town.agentView(agentId(1), 'ada'));
  });

  const run = (changes: object = {}, town: string = OWN, agent = 'ada') =>
    scene.send('POST', `/v1/towns/${town}/agents/${agent}/ag-ui`, {
      json: { ...RUN, messages: HELLO, state: {}, tools: [{ name: 'x' }], context: [], ...changes },
    });
  const sent = () => scene.town.messages.map(({ content }) => content);

  test('gets what the user said last, under one name for each run', async () => {
    const earlier = [{ role: 'user', content: 'before' }, { role: 'assistant', content: 'yes' }, ...HELLO];
    for (const runId of ['run-1', 'run-1', 'run-2']) {
      const response = await run({ runId, messages: earlier });
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toContain('text/event-stream');
      await response.body?.cancel();
    }
    expect(new Set(sent())).toEqual(new Set(['hello']));
    const keys = scene.calls.filter(({ method }) => method === 'sendMessage').map(({ given: [, order] }) => order);
    const names = keys.map((order) => (order as { idempotencyKey: string }).idempotencyKey);
    expect(names[0]).toMatch(/^ag-ui:/);
    expect([names[1] === names[0], names[2] === names[0]]).toEqual([true, false]);
  });

  test.each([
    ['no user message', { messages: [{ role: 'assistant', content: 'yes' }] }, 400, 'invalid_request'],
    ['no run', { runId: undefined }, 400, 'invalid_request'],
    ['what is no text', { messages: [{ role: 'user', content: [{ type: 'image' }] }] }, 400, 'invalid_request'],
  ])('is not, with %s', async (_, changes, status, code) => {
    const response = await run(changes);
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([status, code]);
    expect(sent()).toEqual([]);
  });

  test('is one of the caller', async () => {
    expect((await run({}, FOREIGN)).status).toBe(404);
    expect((await run({}, OWN, 'bob')).status).toBe(404);
  });
});
