/** What a person reads who got a request wrong. */
import { describe, expect, test } from 'vitest';
import { problemSchema } from '#protocol';
import { CONTAINER_SECRET } from '../../support/bindings.ts';
import { OWN, makeScene } from '../../support/fake-edge.ts';
import { agentId, containerName, townId } from '../../support/ids.ts';

const scene = await makeScene();
const agentBearer = await scene.agentToken();
scene.town.agents.set(agentId(1), scene.town.agentView(agentId(1), 'ada'));

async function errorsOf(method: string, path: string, json?: unknown, bearer?: string) {
  const response = await scene.send(method, path, {
    ...(json === undefined ? {} : { json }),
    ...(bearer === undefined ? {} : { bearer }),
  });
  const body: unknown = await response.json();
  return { status: response.status, errors: response.ok ? [] : problemSchema.parse(body).errors };
}

describe('a field that is missing', () => {
  test.each([
    ['the name of a town', '/v1/towns', {}, ['name'], undefined],
    ['the name of an agent', `/v1/towns/${OWN}/agents`, { role: 'worker' }, ['name'], undefined],
    ['the content of a message', `/v1/towns/${OWN}/agents/ada/messages`, {}, ['content'], undefined],
    ['both fields of a mail', '/v1/agent/mail', {}, ['to', 'text'], agentBearer],
    ['one of a fixed set', '/v1/agent/delegations/dlg_1/result', { text: 'x' }, ['state'], agentBearer],
    [
      'what tells one shape from another',
      '/v1/agent/events',
      { counter: 1, events: [{}] },
      ['events.0.type'],
      agentBearer,
    ],
    ['a number', '/v1/container/hello', {}, ['version'], CONTAINER_SECRET],
    [
      'every field of a pull',
      `/v1/container/${containerName(1)}/agents/${agentId(1)}/token`,
      {},
      ['session', 'inc', 'gen'],
      'secret',
    ],
  ])('is required: %s', async (_, path, json, missing, bearer) => {
    const { status, errors } = await errorsOf('POST', path, json, bearer);
    expect(status).toBe(400);
    expect(errors).toEqual(missing.map((name) => ({ path: name, message: 'is required' })));
  });

  test('is distinguished from one of another type, and from null', async () => {
    for (const name of [7, null]) {
      const { status, errors } = await errorsOf('POST', '/v1/towns', { name });
      expect(status).toBe(400);
      expect(errors).toMatchObject([{ path: 'name', message: expect.stringContaining('string') as string }]);
    }
  });
});

describe('a cursor that no page gave', () => {
  const LISTS = [
    ['/v1/towns', undefined, townId(1)],
    [`/v1/towns/${OWN}/agents`, undefined, agentId(1)],
    [`/v1/towns/${OWN}/agents/ada/messages`, undefined, '1'],
    [`/v1/towns/${OWN}/delegations`, undefined, '1'],
    ['/v1/agent/peers', agentBearer, agentId(1)],
    ['/v1/agent/mail', agentBearer, '1'],
  ] as const;

  test.each(LISTS)('is 400: %s', async (path, bearer, good) => {
    const before = scene.calls.length;
    for (const cursor of ['nonsense', '-1', `${good}x`, `${good}%20`, 'agt_', '1e3']) {
      const { status, errors } = await errorsOf('GET', `${path}?cursor=${cursor}`, undefined, bearer);
      expect([status, errors?.[0]?.path], cursor).toEqual([400, 'cursor']);
    }
    expect(scene.calls).toHaveLength(before);
    expect((await errorsOf('GET', `${path}?cursor=${good}`, undefined, bearer)).status).toBe(200);
  });

  test('is 400 in the list of events too, where it is called `after`', async () => {
    expect((await errorsOf('GET', `/v1/towns/${OWN}/events?after=nonsense`)).status).toBe(400);
  });
});

test('a stream that is asked for without a ticket says how to get one', async () => {
  const response = await scene.send('GET', `/v1/towns/${OWN}/stream`, { headers: { upgrade: 'websocket' } });
  const { code, detail } = problemSchema.parse(await response.json());
  expect([response.status, code]).toEqual([401, 'unauthenticated']);
  expect(detail).toContain('POST /v1/towns/{town}/tickets');
  expect(detail).toContain('?ticket=');
});
