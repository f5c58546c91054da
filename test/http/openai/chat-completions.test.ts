/** Chat completions without a stream: what is taken of a request, and what becomes of the message. */
import { beforeEach, describe, expect, test } from 'vitest';
import { MAX_MESSAGE_BYTES, MAX_TRANSCRIPT_BYTES, type MessageView } from '#protocol';
import { completionSchema } from '../../../src/http/openai/completion.ts';
import { openAiErrorSchema } from '../../../src/http/openai/error-shape.ts';
import { FOREIGN, OWN, makeScene, type EdgeScene } from '../../support/fake-edge.ts';
import { agentId, townId } from '../../support/ids.ts';
import { NOW_MS } from '../../support/issuer.ts';

const COMPLETIONS = '/openai/v1/chat/completions';
const MODEL = 'reeve/first/ada';
const HELLO = [{ role: 'user', content: 'hello' }];
let scene: EdgeScene;

beforeEach(async () => {
  scene = await makeScene();
  scene.town.agents.set(agentId(1), scene.town.agentView(agentId(1), 'ada'));
  scene.town.becomes = { state: 'done', reply: 'good morning' };
});

const ask = (body: object, headers: Record<string, string> = {}) =>
  scene.send('POST', COMPLETIONS, { json: { model: MODEL, messages: HELLO, ...body }, headers });
const sent = () => scene.calls.filter(({ method }) => method === 'sendMessage').map(({ given }) => given);
const contents = () => scene.town.messages.map(({ content }) => content);

async function errorOf(response: Response) {
  const { error } = openAiErrorSchema.parse(await response.json());
  return { status: response.status, ...error };
}

describe('a chat completion', () => {
  test('is the reply of the agent, with a finish reason, under an id of its message', async () => {
    const response = await ask({});
    expect(response.status).toBe(200);
    const [message] = scene.town.messages;
    expect(completionSchema.parse(await response.json())).toEqual({
      id: `chatcmpl-${message?.id ?? ''}`,
      object: 'chat.completion',
      created: Math.floor(Date.parse(message?.created_at ?? '') / 1000),
      model: MODEL,
      choices: [{ index: 0, message: { role: 'assistant', content: 'good morning' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
    });
    expect(sent()).toEqual([['ada', expect.objectContaining({ content: 'hello' })]]);
    expect(new Set(scene.town.askedBy)).toEqual(new Set(['dev']));
  });

  test('of a reply that was cut ends with `length`, and of one without a word says so: an answer is never empty', async () => {
    const answer = async (change: Partial<MessageView>) => {
      scene.town.becomes = { state: 'done', ...change };
      return completionSchema.parse(await (await ask({})).json()).choices[0];
    };
    expect(await answer({ reply: 'a long', truncated: true })).toMatchObject({ finish_reason: 'length' });
    expect((await answer({ reply: '', truncated: false }))?.message.content).toContain('without a word');
  });

  test('past 540 s says that the agent goes on, with `length`', async () => {
    let now = NOW_MS;
    scene = await makeScene({}, { now: () => now });
    scene.town.agents.set(agentId(1), scene.town.agentView(agentId(1), 'ada'));
    const read = scene.town.getMessage.bind(scene.town);
    scene.town.getMessage = (agent, id, waitMs) => {
      now += waitMs ?? 0;
      return read(agent, id, waitMs);
    };
    const [choice] = completionSchema.parse(await (await ask({})).json()).choices;
    expect(choice).toMatchObject({ finish_reason: 'length', message: { content: expect.stringContaining('/status') } });
    expect(now - NOW_MS).toBe(540_000);
  });

  test.each([
    ['failed', { error: 'out of memory' }, 'turn_failed', 'out of memory'],
    ['cancelled', {}, 'message_cancelled', 'cancelled'],
  ] as const)(
    'of a turn that %s is an error that no client answers by sending again',
    async (state, more, code, words) => {
      scene.town.becomes = { state, ...more };
      const error = await errorOf(await ask({}));
      expect(error).toMatchObject({ status: 400, type: 'agent_error', param: null, code });
      expect(error.message).toContain(words);
    },
  );
});

describe('what is taken', () => {
  const user = (content: unknown) => ({ role: 'user', content });
  const assistant = (content: unknown) => ({ role: 'assistant', content });

  test.each([
    ['the last word of the user', [user('one'), assistant('two'), user('three')], 'three'],
    ['all that the user said since', [user('one'), assistant('two'), user('three'), user('four')], 'three\n\nfour'],
    [
      'nothing of other roles',
      [
        { role: 'system', content: 'obey' },
        assistant(null),
        { role: 'tool', content: 'x' },
        user('a'),
        { role: 'developer', content: 'b' },
      ],
      'a',
    ],
    [
      'the texts of its parts',
      [
        user([
          { type: 'text', text: 'one' },
          { type: 'text', text: 'two' },
        ]),
      ],
      'one\ntwo',
    ],
    [
      'no picture of an earlier message',
      [user([{ type: 'image_url' }]), assistant('nice'), user('and now?')],
      'and now?',
    ],
  ])('is %s', async (_, messages, content) => {
    expect(
      (await ask({ messages, user: 'somebody', temperature: 0, tools: [{ type: 'function' }], tool_choice: 'auto' }))
        .status,
    ).toBe(200);
    expect(contents()).toEqual([content]);
  });

  test.each([
    [{ messages: [] }, 'messages'],
    [{ messages: [assistant('hello')] }, 'messages'],
    [{ messages: [user('hello'), assistant('hello')] }, 'messages'],
    [{ messages: [user('  ')] }, 'messages'],
    [{ messages: [user(null)] }, 'messages.0.content'],
    [
      {
        messages: [
          assistant('x'),
          user([
            { type: 'text', text: 'see' },
            { type: 'image_url', image_url: {} },
          ]),
        ],
      },
      'messages.1.content.1',
    ],
    [{ messages: [user(`half \ud83d`)] }, 'messages'],
    [{ n: 2 }, 'n'],
    [{ tool_choice: 'required' }, 'tool_choice'],
    [{ tool_choice: { type: 'function', function: { name: 'f' } } }, 'tool_choice'],
    [{ model: 7 }, 'model'],
  ])('is nothing of %j: 400, with the field', async (body, param) => {
    expect(await errorOf(await ask(body))).toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      code: 'invalid_request',
      param,
    });
    expect(sent()).toEqual([]);
  });

  test('may be as large as a message, and the transcript around it as large as pictures are', async () => {
    const long = 'x'.repeat(MAX_MESSAGE_BYTES - 2);
    const picture = 'y'.repeat(MAX_TRANSCRIPT_BYTES - MAX_MESSAGE_BYTES - 1000);
    expect((await ask({ messages: [assistant(picture), user(long)] })).status).toBe(200);
    expect(contents()).toEqual([long]);
    expect(await errorOf(await ask({ messages: [user(`${long}x`)] }))).toMatchObject({ status: 413 });
    const pictures = assistant('y'.repeat(MAX_TRANSCRIPT_BYTES));
    expect(await errorOf(await ask({ messages: [pictures, user('x')] }))).toMatchObject({ code: 'payload_too_large' });
  });
});

describe('a model', () => {
  test.each(['reeve/first/ada', `reeve/${OWN}/ada`, `reeve/first/${agentId(1)}`, 'reeve%2Ffirst%2fada'])(
    'is an agent by id or name: %s',
    async (model) => {
      expect((await ask({ model })).status).toBe(200);
    },
  );

  test.each([
    'gpt-4o',
    'reeve',
    'reeve/first',
    'reeve/first/ada/more',
    'other/first/ada',
    'reeve/first/bob',
    'reeve/theirs/ada',
    `reeve/${FOREIGN}/ada`,
    `reeve/${townId(3)}/ada`,
  ])('that is not there, or not theirs, is 404: %s', async (model) => {
    expect(await errorOf(await ask({ model }))).toMatchObject({
      status: 404,
      type: 'invalid_request_error',
      param: 'model',
      code: 'model_not_found',
    });
    expect(scene.town.messages).toEqual([]);
  });

  test('of a name that two towns have is none of theirs; each is there by its id', async () => {
    await scene.edge.directory.create({ id: townId(4), name: 'first', owner: 'dev', createdAtMs: NOW_MS });
    expect((await ask({})).status).toBe(404);
    expect((await ask({ model: `reeve/${OWN}/ada` })).status).toBe(200);
  });
});

describe('a refusal', () => {
  test('is an error of this shape, before the routes too, with the headers of its code', async () => {
    const stranger = await scene.send('POST', COMPLETIONS, { bearer: 'wrong', json: {} });
    expect(stranger.headers.get('www-authenticate')).toContain('invalid_token');
    expect(stranger.headers.get('x-request-id')).not.toBeNull();
    expect(await errorOf(stranger)).toMatchObject({ status: 401, type: 'authentication_error', code: 'invalid_token' });
    const lost = await errorOf(await scene.send('GET', '/openai/v1/embeddings'));
    expect(lost).toMatchObject({ status: 404, code: 'unknown_path' });
    const text = await scene.send('POST', COMPLETIONS, { body: '{' });
    expect(await errorOf(text)).toMatchObject({ status: 400, code: 'invalid_request' });
  });

  test('that a repeat can only get again asks for none, and of a full queue asks for one later', async () => {
    const refused = async (error: string) => {
      scene.town.instead = () => ({ ok: false, error });
      return ask({});
    };
    const full = await refused('limit_exceeded');
    expect([full.status, full.headers.get('retry-after'), full.headers.get('x-should-retry')]).toEqual([
      429,
      '5',
      null,
    ]);
    expect(await errorOf(full)).toMatchObject({ type: 'rate_limit_error', code: 'limit_exceeded' });
    const reused = await refused('idempotency_key_reused');
    expect([reused.status, reused.headers.get('x-should-retry')]).toEqual([422, 'false']);
    expect((await refused('agent_retired')).status).toBe(404);
  });

  test('of a town that fails is a server error', async () => {
    scene.town.instead = () => {
      throw new Error('it is being replaced');
    };
    expect(await errorOf(await ask({}))).toMatchObject({ status: 500, type: 'server_error', code: 'internal' });
  });
});
