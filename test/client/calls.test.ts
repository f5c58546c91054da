/** The methods of the client, before the app that answers them. */
import { describe, expect, test } from 'vitest';
import { ApiError, createClient, everyItem, type ReeveClient } from '../../client/index.ts';
import { DEV_TOKEN } from '../support/bindings.ts';
import { FOREIGN, OWN, makeScene } from '../support/fake-edge.ts';
import { agentId, messageId } from '../support/ids.ts';
import { describedApi, operationsForPeople, TYPES_FILE, clientTypes } from './support/client-types.ts';

const URL = 'http://127.0.0.1:8787';
const document = await describedApi();
const operations = operationsForPeople(document);

test('the types of the client are those that the API describes; `npm run client:types` writes them', async () => {
  await expect(await clientTypes(document)).toMatchFileSnapshot(TYPES_FILE);
});

describe('a method', () => {
  test('is there for each operation of people', () => {
    const { follow, waitForMessage, ...methods } = createClient({ url: URL, token: 'any' });
    expect([typeof follow, typeof waitForMessage]).toEqual(['function', 'function']);
    expect(Object.keys(methods).toSorted()).toEqual(operations.map(({ operationId }) => operationId).toSorted());
  });

  test.each(
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, operation]) => operations.includes(operation))
        .map(([method, { operationId }]) => ({ method: method.toUpperCase(), path, operationId })),
    ),
  )('$operationId calls $method $path, with what it is given in its place', async ({ method, path, operationId }) => {
    const calls: string[] = [];
    const client = createClient({
      url: `${URL}/`,
      token: 'any',
      fetch: async (address, init) => {
        calls.push(`${init.method ?? ''} ${address}`);
        return Response.json({ items: [], next: null });
      },
    });
    const names = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name = '']) => name);
    const called = client[operationId as keyof ReeveClient] as unknown as (...given: unknown[]) => Promise<unknown>;
    await called(...names.map((name) => `${name}/1`), {});
    const filled = names.reduce((filling, name) => filling.replace(`{${name}}`, `${name}%2F1`), path);
    expect(calls).toEqual([`${method} ${URL}${filled}`]);
  });
});

test.each(['.', '..'])('an id or a name %j is of nothing, and asks for nothing else', async (name) => {
  const calls: string[] = [];
  const fetch = async (address: string): Promise<Response> => {
    calls.push(address);
    return Response.json({ items: [], next: null });
  };
  const client = createClient({ url: URL, token: 'any', fetch });
  for (const call of [
    () => client.refreshAgent(OWN, name, { revoke_older: true }),
    () => client.getTown(name),
    () => client.removeMember(OWN, name),
    () => client.listMessages(OWN, name, { limit: 1 }),
    () => client.listAgents(name, { limit: 1 }),
  ]) {
    await expect(call()).rejects.toMatchObject({ status: 404, code: 'not_found' });
  }
  expect(calls).toEqual([]);
  await client.getAgent(OWN, '...');
  expect(calls).toEqual([`${URL}/v1/towns/${OWN}/agents/...`]);
});

describe('before the app', () => {
  async function clientOf(token: string = DEV_TOKEN) {
    const scene = await makeScene();
    const fetch = (address: string, init: RequestInit): Promise<Response> => scene.fetch(new Request(address, init));
    return { scene, client: createClient({ url: URL, token, fetch }) };
  }

  test('creates and lists towns and agents, page after page', async () => {
    const { client } = await clientOf();
    const town = await client.createTown({ name: 'second' });
    const seen = [];
    for await (const { id } of everyItem((cursor) => client.listTowns({ limit: 1, cursor }))) seen.push(id);
    expect(seen.toSorted()).toEqual([OWN, town.id].toSorted());
    const agent = await client.createAgent(OWN, { name: 'ada' });
    expect((await client.getAgent(OWN, agent.id)).name).toBe('ada');
  });

  test('a message carries a key, its own for each call, or the one that its sender says', async () => {
    const { client, scene } = await clientOf();
    await client.createAgent(OWN, { name: 'ada' });
    await client.sendMessage(OWN, 'ada', 'hello', { key: 'k-1' });
    await client.sendMessage(OWN, 'ada', 'hello');
    await client.sendMessage(OWN, 'ada', 'hello');
    const keys = scene.calls
      .filter(({ method }) => method === 'sendMessage')
      .map(({ given }) => (given[1] as { idempotencyKey: string }).idempotencyKey);
    expect([keys[0], new Set(keys).size]).toEqual(['k-1', 3]);
    expect(keys[1]).toMatch(/^[0-9a-f]{32}$/);
  });

  test('the last messages come first where that is asked for', async () => {
    const { client } = await clientOf();
    await client.createAgent(OWN, { name: 'ada' });
    for (const content of ['one', 'two', 'three']) await client.sendMessage(OWN, 'ada', content);
    const { items } = await client.listMessages(OWN, 'ada', { order: 'newest', limit: 2 });
    expect(items.map(({ content }) => content)).toEqual(['three', 'two']);
  });

  test('a teardown says whether its container has confirmed it', async () => {
    const { client, scene } = await clientOf();
    const agent = await client.createAgent(OWN, { name: 'ada' });
    scene.town.instead = () => ({ ok: true, value: { agent, confirmed: false } });
    expect((await client.deleteAgent(OWN, 'ada')).confirmed).toBe(false);
    expect((await client.deleteAgent(OWN, 'ada')).confirmed).toBe(true);
  });

  test('a refusal is an ApiError with status, code and the id of the request', async () => {
    const { client } = await clientOf();
    const refused = await client.getTown(FOREIGN).catch((thrown: unknown) => thrown);
    expect(refused).toBeInstanceOf(ApiError);
    expect(refused).toMatchObject({ status: 404, code: 'not_found', retryAfter: null });
    expect((refused as ApiError).requestId).toMatch(/\S/);
  });

  test('a body that does not fit says which field does not, in its message too', async () => {
    const { client } = await clientOf();
    await expect(client.createTown({ name: 'No Name' })).rejects.toMatchObject({
      code: 'invalid_request',
      errors: [{ path: 'name' }],
      message: expect.stringContaining('name ') as string,
    });
  });

  test('who has no token yet sends none, and learns how to come to one', async () => {
    const sent: (string | null)[] = [];
    const scene = await makeScene();
    const fetch = (address: string, init: RequestInit): Promise<Response> => {
      const request = new Request(address, init);
      sent.push(request.headers.get('authorization'));
      return scene.fetch(request);
    };
    const client = createClient({ url: URL, token: '', fetch });
    expect(await client.getSignIn()).toEqual({ oidc: null, access: false, links: true });
    await expect(client.listTowns()).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(sent).toEqual([null, null]);
  });

  test('a credential that is not accepted is 401, and is in no error', async () => {
    const { client } = await clientOf('reeve_wrong-one');
    const refused = await client.getMessage(OWN, agentId(1), messageId(1)).catch((thrown: unknown) => thrown);
    expect(refused).toMatchObject({ status: 401, code: 'invalid_token' });
    expect(JSON.stringify(refused) + String(refused)).not.toContain('wrong-one');
  });
});
