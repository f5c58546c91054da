/** Responses: their events, as the official client reads them, what is taken of a request, and what becomes of the message. */
import OpenAI, { APIError, BadRequestError, NotFoundError } from 'openai';
import type { ResponseCreateParamsNonStreaming } from 'openai/resources/responses/responses';
import { beforeEach, describe, expect, test } from 'vitest';
import type { AnswerStep } from '../../../src/http/openai/answer-so-far.ts';
import { responseEvents } from '../../../src/http/openai/response-events.ts';
import { responseSchema } from '../../../src/http/openai/response.ts';
import { DEV_TOKEN } from '../../support/bindings.ts';
import { makeScene, type EdgeScene } from '../../support/fake-edge.ts';
import { agentId, messageId } from '../../support/ids.ts';

const MODEL = 'reeve/first/ada';
const HEAD = { id: 'resp_1', created: 1, model: MODEL, previous: null };
const DONE: AnswerStep = { kind: 'end', outcome: { kind: 'answered', text: 'hi', finish: 'stop' } };
const ERROR = { message: 'it broke', type: 'agent_error', param: null, code: 'turn_failed' };
const FAILED: AnswerStep = { kind: 'end', outcome: { kind: 'failed', error: { error: ERROR } } };

const clientOn = (fetch: (request: Request) => Promise<Response>): OpenAI =>
  new OpenAI({
    baseURL: 'https://reeve.example/openai/v1',
    apiKey: DEV_TOKEN,
    maxRetries: 0,
    fetch: (url, init) => fetch(new Request(url, init)),
  });

async function textOf(steps: readonly AnswerStep[]): Promise<string> {
  const from = async function* () {
    yield* steps;
  };
  let text = '';
  for await (const piece of responseEvents(HEAD, from())) text += piece;
  return text;
}

/** The stream that these steps come to, read by the official client, which puts the response together by itself. */
async function readOf(steps: readonly AnswerStep[]) {
  const text = await textOf(steps);
  const sse = new Response(text, { headers: { 'content-type': 'text/event-stream' } });
  const stream = clientOn(() => Promise.resolve(sse)).responses.stream({ model: MODEL, input: 'hello' });
  const events: { type: string; sequence_number: number }[] = [];
  stream.on('event', ({ type, sequence_number }) => void events.push({ type, sequence_number }));
  return { text, events, response: await stream.finalResponse() };
}

const typesIn = (text: string): string[] => [...text.matchAll(/^event: (.+)$/gm)].map(([, type]) => type ?? '');

describe('the events of a response', () => {
  test('begin, write and end one item after the other, each event with its name and its number', async () => {
    const { text, events, response } = await readOf([
      { kind: 'reasoning', text: 'let me ' },
      { kind: 'idle' },
      { kind: 'reasoning', text: 'see' },
      { kind: 'text', text: 'h' },
      { kind: 'text', text: 'i' },
      DONE,
    ]);
    expect(typesIn(text)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done',
      'response.reasoning_summary_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
    expect(events).toEqual(typesIn(text).map((type, at) => ({ type, sequence_number: at })));
    expect(response).toMatchObject({
      id: 'resp_1',
      created_at: 1,
      model: MODEL,
      status: 'completed',
      error: null,
    });
    expect(response.output).toMatchObject([
      { type: 'reasoning', id: 'rs_resp_1-0', status: 'completed', summary: [{ text: 'let me see' }] },
      { type: 'message', id: 'msg_resp_1-1', status: 'completed', content: [{ text: 'hi' }] },
    ]);
    expect(response.output_text).toBe('hi');
  });

  test('of an answer that is not all end with `response.incomplete`', async () => {
    const outcome = { kind: 'goes_on', text: 'later', finish: 'length' } as const;
    const { events, response } = await readOf([
      { kind: 'text', text: 'later' },
      { kind: 'end', outcome },
    ]);
    expect(events.at(-1)?.type).toBe('response.incomplete');
    expect(response).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
  });

  test.each([
    ['before its first word', [FAILED]],
    ['in the middle', [{ kind: 'text', text: 'h' } as const, FAILED]],
  ])('of a turn that failed %s have an item, end it, and say the error', async (_, steps) => {
    const text = await textOf(steps);
    expect(typesIn(text).slice(2, 3)).toEqual(['response.output_item.added']);
    expect(typesIn(text).slice(-3)).toEqual(['response.output_item.done', 'error', 'response.failed']);
    const last = JSON.parse(text.trimEnd().split('data: ').at(-1) ?? '') as { response: unknown };
    expect(responseSchema.parse(last.response)).toMatchObject({
      status: 'failed',
      error: { code: 'turn_failed', message: 'it broke' },
    });
    const failure: unknown = await readOf(steps).catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(APIError);
    expect(failure).toMatchObject({ error: ERROR });
  });
});

describe('a response', () => {
  let scene: EdgeScene;
  let client: OpenAI;

  beforeEach(async () => {
    scene = await makeScene();
    scene.town.agents.set(agentId(1), scene.town.agentView(agentId(1), 'ada'));
    scene.town.becomes = { state: 'done', reply: 'good morning' };
    client = clientOn(scene.fetch);
  });

  const ask = (changes: object = {}) =>
    client.responses.create({ model: MODEL, input: 'hello', ...changes } as ResponseCreateParamsNonStreaming);
  const contents = () => scene.town.messages.map(({ content }) => content);
  const keys = () =>
    scene.calls
      .filter(({ method }) => method === 'sendMessage')
      .map(({ given }) => given[1] as { idempotencyKey: string | null; transcript: { digest: string } | null });

  test('is the reply of the agent, under an id of its message', async () => {
    const { _request_id: _, output_text: text, ...response } = await ask();
    const [message] = scene.town.messages;
    expect(text).toBe('good morning');
    expect(responseSchema.parse(response)).toEqual(response);
    expect(response).toMatchObject({ id: `resp_${message?.id ?? ''}`, status: 'completed', model: MODEL });
    expect(response.output).toHaveLength(1);
    expect(contents()).toEqual(['hello']);
    await scene.settled();
    expect(scene.calls.map(({ method }) => method)).toContain('answered');
  });

  test('is streamed where it is asked for', async () => {
    const events = await client.responses.create({ model: MODEL, input: 'hello', stream: true });
    const types = [];
    for await (const { type } of events) types.push(type);
    expect([types[0], types.at(-1)]).toEqual(['response.created', 'response.completed']);
    expect(types).toContain('response.output_text.delta');
  });

  test('of a reply that was cut is incomplete, and of a turn that failed an error that no client answers by sending again', async () => {
    scene.town.becomes = { state: 'done', reply: 'a long', truncated: true };
    expect(await ask()).toMatchObject({ status: 'incomplete', output_text: 'a long' });
    scene.town.becomes = { state: 'failed', error: 'out of memory' };
    await expect(ask()).rejects.toMatchObject({ status: 400, type: 'agent_error', code: 'turn_failed' });
  });

  const user = (content: unknown) => ({ type: 'message', role: 'user', content });
  const part = (text: string) => ({ type: 'input_text', text });
  const said = { type: 'message', role: 'assistant', id: 'msg_1', content: [{ type: 'output_text', text: 'two' }] };

  test.each([
    ['a text', 'one', 'one'],
    [
      'what the user said since the assistant spoke last',
      [user('one'), said, user('three'), user('four')],
      'three\n\nfour',
    ],
    ['the texts of its parts', [user([part('one'), part('two')])], 'one\ntwo'],
    [
      'nothing before a reference to what the assistant said, or to what it thought',
      [
        user('one'),
        { type: 'item_reference', id: 'msg_1' },
        { type: 'reasoning', id: 'rs_1', summary: [] },
        user('two'),
      ],
      'two',
    ],
    ['nothing of other roles', [{ role: 'developer', content: 'obey' }, user('a')], 'a'],
  ])('is the answer to %s', async (_, input, content) => {
    await ask({ input, instructions: 'be a pirate', store: false, user: 'somebody', tools: [{ type: 'web_search' }] });
    expect(contents()).toEqual([content]);
  });

  test.each([
    [{ input: undefined }, 'input'],
    [{ input: [] }, 'input'],
    [{ input: ' ' }, 'input'],
    [{ input: [user('one'), said] }, 'input'],
    [{ input: [user('x'), said, user([part('see'), { type: 'input_image', image_url: '' }])] }, 'input.2.content.1'],
    [{ background: true }, 'background'],
    [{ conversation: 'conv_1' }, 'conversation'],
    [{ n: 2 }, 'n'],
    [{ tool_choice: 'required' }, 'tool_choice'],
    [{ previous_response_id: 'resp_68a1' }, 'previous_response_id'],
    [{ previous_response_id: `resp_${messageId(9)}` }, 'previous_response_id'],
    [{ previous_response_id: messageId(1) }, 'previous_response_id'],
  ])('is not given to %j: 400, with the field', async (changes, param) => {
    const failure: unknown = await ask(changes).catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(BadRequestError);
    expect(failure).toMatchObject({ code: 'invalid_request', param });
    expect(contents()).toEqual([]);
  });

  test('of a model that is not there is 404', async () => {
    await expect(ask({ model: 'gpt-4o' })).rejects.toThrow(NotFoundError);
  });

  test('follows one of the same model, whether an agent gave that or the door itself', async () => {
    const first = await ask();
    const help = await ask({ input: '/help', previous_response_id: first.id });
    expect(help.previous_response_id).toBe(first.id);
    expect(help.output_text).toContain('/status');
    expect((await ask({ previous_response_id: help.id })).output_text).toBe('good morning');
    expect(contents()).toEqual(['hello', 'hello']);
  });

  test('that follows another answers another message; under a key of its own it is the message of that key', async () => {
    const first = await ask();
    await ask({ previous_response_id: first.id });
    await client.responses.create({ model: MODEL, input: 'hello' }, { headers: { 'idempotency-key': 'mine' } });
    const [one, two, three] = keys();
    expect(one?.transcript?.digest).not.toBe(two?.transcript?.digest);
    expect(three).toMatchObject({ idempotencyKey: 'mine', transcript: null });
  });

  test('of a call beside the chat comes without the agent, also where its prompt stands in the instructions', async () => {
    const prompt = '### Task:\nGenerate a title.\n### Output:\n{ "title": "your concise title here" }\n<chat_history>';
    const { output_text: text } = await ask({ instructions: prompt, input: 'USER: baking bread' });
    expect(JSON.parse(text)).toEqual({ title: 'baking bread' });
    expect((await ask({ model: 'reeve/utility', previous_response_id: 'resp_68a1' })).output_text).toContain('model');
    expect(contents()).toEqual([]);
  });
});
