import { beforeEach, describe, expect, test } from 'vitest';
import { newApiKeySchema, problemSchema, type ApiKeyView, type NewApiKey, type PersonScope } from '#protocol';
import { z } from 'zod';
import { NEEDED } from '../../support/needed-scopes.ts';
import { FOREIGN, OWN, makeScene, type EdgeScene } from '../../support/fake-edge.ts';
import { NOW_MS } from '../../support/issuer.ts';

let scene: EdgeScene;
beforeEach(async () => void (scene = await makeScene()));

const made = async (order: object, bearer?: string): Promise<NewApiKey> => {
  const response = await scene.send('POST', '/v1/keys', { json: order, ...(bearer === undefined ? {} : { bearer }) });
  expect(response.status).toBe(201);
  expect(response.headers.get('cache-control')).toBe('no-store');
  return newApiKeySchema.parse(await response.json());
};
const statusOf = async (method: string, path: string, bearer: string, json?: unknown): Promise<string> => {
  const response = await scene.send(method, path, { bearer, json });
  if (response.ok) return String(response.status);
  return `${response.status} ${problemSchema.parse(await response.json()).code}`;
};
const list = async (path = '/v1/keys') =>
  z
    .object({ items: z.array(z.looseObject({ id: z.string() })), next: z.string().nullable() })
    .parse(await (await scene.send('GET', path)).json());

describe('API keys', () => {
  test('are shown once, and listed by how they begin', async () => {
    const key = await made({ name: 'robot', scope: 'read', expires_in_days: 1 });
    expect(key.key.startsWith(`${key.prefix}_`)).toBe(true);
    expect(key.expires_at).toBe(new Date(NOW_MS + 86_400_000).toISOString());
    const listed = await list();
    expect(listed.items).toMatchObject([
      { id: key.id, name: 'robot', scope: 'read', prefix: key.prefix, revoked_at: null },
    ]);
    expect(JSON.stringify(listed)).not.toContain(key.key.slice(-43));
  });

  test('let a program call as their person, who alone sees and revokes them', async () => {
    const { id, key } = await made({ name: 'robot' });
    expect(await statusOf('GET', `/v1/towns/${OWN}`, key)).toBe('200');
    expect(await statusOf('GET', `/v1/towns/${FOREIGN}`, key)).toBe('404 not_found');
    const revoked = await scene.send('DELETE', `/v1/keys/${id}`);
    expect(((await revoked.json()) as ApiKeyView).revoked_at).toBe(new Date(NOW_MS).toISOString());
    expect(await statusOf('GET', `/v1/towns/${OWN}`, key)).toBe('401 invalid_token');
    expect(await statusOf('DELETE', `/v1/keys/key_${'0'.repeat(20)}`, 'dev-token-0123456789')).toBe('404 not_found');
  });

  test('never allow more than what they were made with, and only those for everything make others', async () => {
    const [admin, chat] = [await made({ name: 'a', scope: 'admin' }), await made({ name: 'c', scope: 'chat' })];
    expect(await statusOf('POST', '/v1/keys', chat.key, { name: 'x', scope: 'chat' })).toBe('403 insufficient_scope');
    const child = await made({ name: 'x', scope: 'read' }, admin.key);
    expect(await statusOf('GET', '/v1/towns', child.key)).toBe('200');
  });

  test('are at most 100 that live; one that is revoked makes room', async () => {
    const all = await Promise.all(Array.from({ length: 100 }, (_, nth) => made({ name: `k${nth}` })));
    expect(await statusOf('POST', '/v1/keys', 'dev-token-0123456789', { name: 'one more' })).toBe('429 limit_exceeded');
    await scene.send('DELETE', `/v1/keys/${all[0]?.id ?? ''}`);
    await made({ name: 'one more' });
    const first = await list('/v1/keys?limit=60');
    const second = await list(`/v1/keys?limit=60&cursor=${first.next ?? ''}`);
    expect(new Set([...first.items, ...second.items].map(({ id }) => id)).size).toBe(101);
  });

  test.each([
    [{ name: '' }],
    [{ name: 'x'.repeat(81) }],
    [{ name: 'a', scope: 'root' }],
    [{ name: 'a', expires_in_days: 0 }],
    [{ name: 'a', expires_in_days: 366 }],
    [{ name: 'a', more: 1 }],
  ])('are refused for %j', async (order) => {
    expect(await statusOf('POST', '/v1/keys', 'dev-token-0123456789', order)).toBe('400 invalid_request');
  });
});

describe('the scope of a key', () => {
  test('opens each route for people, or does not, before anything else is looked at', async () => {
    const keys = new Map<PersonScope, string>();
    for (const scope of ['read', 'chat', 'admin'] as const) keys.set(scope, (await made({ name: scope, scope })).key);
    const { paths } = z
      .object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) })
      .parse(await (await scene.send('GET', '/openapi.json')).json());
    const routes = Object.entries(paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const ofPeople = routes.filter(
      (route) =>
        /^\w+ (?:\/openai)?\/v1\/(?!agent\/|container\/|sign-in$|oauth\/(?:token|revoke)$)/.test(route) &&
        !route.endsWith('/stream'),
    );
    expect(ofPeople.toSorted()).toEqual(Object.keys(NEEDED).toSorted());
    for (const route of ofPeople) {
      const [method = '', path = ''] = route.split(' ');
      const address = path.replace('{town}', OWN).replaceAll(/\{\w+\}/g, 'x');
      for (const [scope, key] of keys) {
        const opens =
          ['read', 'chat', 'admin'].indexOf(scope) >= ['read', 'chat', 'admin'].indexOf(NEEDED[route] ?? '');
        const response = await scene.send(method, address, { bearer: key, ...(method === 'GET' ? {} : { json: {} }) });
        expect([route, scope, response.status === 403]).toEqual([route, scope, !opens]);
      }
    }
  });
});
