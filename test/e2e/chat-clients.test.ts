/** Published clients of OpenAI's API against the real stack, through connections that break: each message once. */
import { HttpAgent } from '@ag-ui/client';
import OpenAI, { AuthenticationError, BadRequestError, NotFoundError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiClient } from '../../scripts/api-client.ts';
import { chatClients, type ChatClient } from './support/chat-clients.ts';
import { DroppingProxy } from './support/dropping-proxy.ts';
import { startTestStack, type TestStack } from './support/test-stack.ts';

const NAMES = ['openai', 'openai responses', 'ai', 'langchain'] as const;

let stack: TestStack;
let proxy: DroppingProxy;
let api: ApiClient;
let apiKey: string;
let clients: ChatClient[];

beforeAll(async () => {
  stack = await startTestStack('chat');
  ({ api } = stack);
  const made = await fetch(`${stack.url}/v1/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${stack.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'frontend', scope: 'chat' }),
  });
  ({ key: apiKey } = (await made.json()) as { key: string });
  proxy = await DroppingProxy.to(stack.url);
  clients = chatClients(proxy.origin, apiKey);
});

afterAll(async () => {
  await proxy.close();
  await stack.stop();
});

const clientOf = (name: string): ChatClient => {
  const found = clients.find((client) => client.name === name);
  if (found === undefined) throw new Error(`there is no client ${name}`);
  return found;
};

/** A town with an agent, by the name of its model. */
async function modelOf(name: string): Promise<{ town: string; model: string }> {
  const town = await api.createTown(name);
  await api.createAgent(town, 'ada');
  return { town, model: `reeve/${name}/ada` };
}

const contents = async (town: string): Promise<string[]> =>
  (await api.readMessages(town, 'ada')).map(({ content }) => content);

describe.each(NAMES)('%s', (name) => {
  const slug = name.replace(' ', '-');
  it('gets whole answers and streams, and of what it sends nothing but the message reaches the agent', async () => {
    const { town, model } = await modelOf(`plain-${slug}`);
    const client = clientOf(name);
    expect(await client.complete(model, 'hello there')).toBe('You said: hello there');
    expect(await client.stream(model, 'one two three four five six seven eight nine ten')).toBe(
      'You said: one two three four five six seven eight nine ten',
    );
    expect(await client.complete(model, 'recall')).not.toMatch(/pirate|earlier/);
    expect(await contents(town)).toEqual(['hello there', 'one two three four five six seven eight nine ten', 'recall']);
  });

  it('whose stream breaks off in the middle, and which asks again, has the whole answer of the same message', async () => {
    const { town, model } = await modelOf(`cut-${slug}`);
    const client = clientOf(name);
    proxy.breakNext({ afterChunks: 1 });
    const cut = await client.stream(model, 'work 1').catch(() => 'broken off');
    expect(cut).not.toContain('worked 1 s');
    expect(await client.stream(model, 'work 1')).toContain('worked 1 s');
    expect(await contents(town)).toEqual(['work 1']);
  });

  it('gets the error of a turn that failed, and does not send the message again', async () => {
    const { town, model } = await modelOf(`failed-${slug}`);
    await expect(clientOf(name).complete(model, 'fail')).rejects.toThrow();
    await expect(clientOf(name).stream(model, 'fail')).rejects.toThrow();
    expect(await contents(town)).toEqual(['fail', 'fail']);
  });
});

describe('a connection that breaks before the answer', () => {
  // The official client sends again in the same way whichever API it is asked by.
  it.each(['openai', 'ai', 'langchain'])('has %s send a message again by itself, which counts once', async (name) => {
    const { town, model } = await modelOf(`broken-${name}`);
    const before = proxy.requests;
    proxy.breakNext({ afterMs: 300 });
    // Longer than each client waits before it sends again: the runtime on this machine learns of a client that left only when it
    // writes to it, so an answer that is written before counts as taken.
    expect(await clientOf(name).complete(model, 'work 4')).toContain('worked 4 s');
    expect(proxy.requests - before).toBeGreaterThan(1);
    expect(await contents(town)).toEqual(['work 4']);
  });
});

describe('the official client', () => {
  it('lists the agents as models, goes on from a response, and knows the errors by their kinds', async () => {
    const { town, model } = await modelOf('listed');
    const client = new OpenAI({ baseURL: `${stack.url}/openai/v1`, apiKey });
    const models = [];
    for await (const { id } of client.models.list()) models.push(id);
    expect(models).toEqual(expect.arrayContaining([model, 'reeve/utility']));
    expect(await client.models.retrieve(model)).toMatchObject({ id: model, owned_by: 'listed' });
    await expect(client.models.retrieve('reeve/listed/bob')).rejects.toThrow(NotFoundError);
    const first = await client.responses.create({ model, input: 'hello' });
    const second = await client.responses.create({ model, input: 'again', previous_response_id: first.id });
    expect(second).toMatchObject({ output_text: 'You said: again', previous_response_id: first.id });
    expect(await contents(town)).toEqual(['hello', 'again']);
    const ask = (changes: object) =>
      client.chat.completions.create({ model, messages: [{ role: 'user', content: 'hello' }], ...changes });
    await expect(ask({ model: 'gpt-4o' })).rejects.toThrow(NotFoundError);
    await expect(ask({ n: 2 })).rejects.toThrow(BadRequestError);
    const stranger = new OpenAI({ baseURL: `${stack.url}/openai/v1`, apiKey: 'reeve_wrong' });
    await expect(stranger.models.list()).rejects.toThrow(AuthenticationError);
  });
});

describe('the client of AG-UI', () => {
  it('runs an agent, and has the whole answer of a run that was begun before and broke off', async () => {
    const { town } = await modelOf('ag-ui');
    const url = `${stack.url}/v1/towns/${town}/agents/ada/ag-ui`;
    const headers = { authorization: `Bearer ${apiKey}` };
    const json = { ...headers, 'content-type': 'application/json' };
    const messages = [{ id: 'm1', role: 'user', content: 'work 1' }] as const;
    // By hand: the client itself leaves a rejection behind that it does not handle where its connection breaks.
    const run = JSON.stringify({ threadId: 'thread-1', runId: 'run-1', messages });
    const broken = await fetch(url, { method: 'POST', headers: json, body: run });
    const body: ReadableStream<Uint8Array> | null = broken.body;
    const reader = body?.getReader();
    const first = await reader?.read();
    expect(new TextDecoder().decode(first?.value)).toContain('RUN_STARTED');
    await reader?.cancel();
    const agent = new HttpAgent({ url, headers, threadId: 'thread-1', initialMessages: [...messages] });
    const { newMessages } = await agent.runAgent({ runId: 'run-1' });
    expect(newMessages).toContainEqual(
      expect.objectContaining({ role: 'assistant', content: expect.stringContaining('worked 1 s') }),
    );
    expect(await contents(town)).toEqual(['work 1']);
    agent.addMessage({ id: 'm2', role: 'user', content: 'hello' });
    await agent.runAgent({ runId: 'run-2' });
    expect(await contents(town)).toEqual(['work 1', 'hello']);
  });
});
