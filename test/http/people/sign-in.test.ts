import { beforeEach, describe, expect, test } from 'vitest';
import { newApiKeySchema, problemSchema, signInLinkSchema, type NewApiKey, type PersonScope } from '#protocol';
import { drawApiKey } from '../../../src/people/api-key.ts';
import { findSecrets } from '../../support/secret-scan.ts';
import { OWN, makeScene, type EdgeScene } from '../../support/fake-edge.ts';
import { NOW_MS } from '../../support/issuer.ts';

const OIDC = { OIDC_ISSUER: 'https://id.example.com/', OIDC_AUDIENCE: 'reeve' };
const ACCESS = { ACCESS_TEAM_DOMAIN: 'team.cloudflareaccess.com', ACCESS_AUD: 'tag' };
const HOUR_MS = 3_600_000;
const LINKS = '/v1/sign-in/links';

let nowMs = NOW_MS;
let scene: EdgeScene;
beforeEach(async () => {
  nowMs = NOW_MS;
  scene = await makeScene({}, { now: () => nowMs });
});

/** `201`, or a refusal as `401 invalid_token`. */
const outcomeOf = async (response: Response): Promise<string> =>
  response.ok ? String(response.status) : `${response.status} ${problemSchema.parse(await response.json()).code}`;
const by = (bearer: string | undefined) => (bearer === undefined ? {} : { bearer });
const ask = async (method: string, path: string, bearer?: string, json?: unknown): Promise<string> =>
  outcomeOf(await scene.send(method, path, { ...by(bearer), ...(json === undefined ? {} : { json }) }));

/** A link of the person with this credential, `dev` where none is given. */
async function linkOf(bearer?: string, order: { scope?: PersonScope } = {}) {
  const response = await scene.send('POST', LINKS, { ...by(bearer), json: order });
  expect([response.status, response.headers.get('cache-control')]).toEqual([201, 'no-store']);
  return signInLinkSchema.parse(await response.json());
}

const redeem = (code: string): Promise<Response> => scene.send('POST', '/v1/sign-in', { bearer: null, json: { code } });

/** What a good code comes to. */
async function keyFor(code: string): Promise<NewApiKey> {
  const response = await redeem(code);
  expect([response.status, response.headers.get('cache-control')]).toEqual([201, 'no-store']);
  return newApiKeySchema.parse(await response.json());
}

/** A key of `dev` that lives so long. */
async function keyLasting(ms: number, scope: PersonScope = 'admin'): Promise<{ id: string; text: string }> {
  const { id, text, digest } = await drawApiKey();
  const key = { id, digest, scope, person: 'dev', name: 'short', createdAtMs: nowMs, expiresAtMs: nowMs + ms };
  expect(await scene.edge.apiKeys.add({ ...key, revokedAtMs: null, parent: null }, 100)).toMatchObject({ ok: true });
  return { id, text };
}

describe('the ways to sign in', () => {
  test.each([
    ['links alone', {}, { oidc: null, access: false, links: true }],
    [
      'an OpenID provider where it knows the console as a client',
      { ...OIDC, OIDC_CLIENT_ID: 'console' },
      { oidc: { issuer: 'https://id.example.com/', client_id: 'console', audience: 'reeve' }, access: false },
    ],
    ['no provider that knows no client', OIDC, { oidc: null }],
    ['Cloudflare Access where it stands in front', ACCESS, { access: true }],
  ])('are told to whoever has no credential yet: %s', async (_, variables, ways) => {
    const { send } = await makeScene(variables);
    const answer = await send('GET', '/v1/sign-in', { bearer: null });
    expect([answer.status, await answer.json()]).toEqual([200, expect.objectContaining(ways)]);
  });
});

describe('a sign-in link', () => {
  test('has its code in the fragment, is good for ten minutes, and for one key of its person that lives 12 hours', async () => {
    const { code, url, expires_at } = await linkOf();
    expect(url).toBe(`http://127.0.0.1:8787/#sign-in=${code}`);
    expect(code).toMatch(/^[\w-]{43}$/);
    expect(expires_at).toBe(new Date(NOW_MS + 600_000).toISOString());
    const key = await keyFor(code);
    expect(key).toMatchObject({ name: 'console', scope: 'admin' });
    expect(key.expires_at).toBe(new Date(NOW_MS + 12 * HOUR_MS).toISOString());
    expect(await ask('GET', `/v1/towns/${OWN}`, key.key)).toBe('200');
    expect(await outcomeOf(await redeem(code))).toBe('401 invalid_token');
  });

  test('is good for one key, however many ask for it at once', async () => {
    const { code } = await linkOf();
    const outcomes = await Promise.all(Array.from({ length: 8 }, async () => outcomeOf(await redeem(code))));
    expect(outcomes.toSorted()).toEqual(['201', ...Array.from({ length: 7 }, () => '401 invalid_token')]);
  });

  test('is good for nothing when it is over, and neither is a code that was never drawn', async () => {
    const [last, late] = [await linkOf(), await linkOf()];
    nowMs += 600_000 - 1;
    await keyFor(last.code);
    nowMs += 1;
    expect(await outcomeOf(await redeem(late.code))).toBe('401 invalid_token');
    for (const code of ['', 'A'.repeat(43), 'x'.repeat(256)]) {
      expect(await outcomeOf(await redeem(code)), code).toBe('401 invalid_token');
    }
    expect(await outcomeOf(await redeem('x'.repeat(257)))).toBe('400 invalid_request');
  });

  test('is no credential itself', async () => {
    const { code } = await linkOf();
    expect(await ask('GET', '/v1/me', code)).toBe('401 invalid_token');
    await keyFor(code);
  });

  test('allows what its maker may do, or less where that is said, and never more', async () => {
    for (const [scope, order, outcome] of [
      ['read', undefined, 'read'],
      ['read', 'chat', '403 insufficient_scope'],
      ['chat', undefined, 'chat'],
      ['chat', 'read', 'read'],
      ['chat', 'admin', '403 insufficient_scope'],
      ['admin', 'chat', 'chat'],
    ] as const) {
      const { text } = await keyLasting(HOUR_MS, scope);
      const json = order === undefined ? {} : { scope: order };
      const refused = await ask('POST', LINKS, text, json);
      const got = refused === '201' ? (await keyFor((await linkOf(text, json)).code)).scope : refused;
      expect([scope, order, got]).toEqual([scope, order, outcome]);
    }
  });

  test('ends with the credential that made it, and so does its key, from link to link', async () => {
    const { text } = await keyLasting(HOUR_MS);
    const first = await keyFor((await linkOf(text)).code);
    expect(first.expires_at).toBe(new Date(NOW_MS + HOUR_MS).toISOString());
    nowMs += HOUR_MS - 1000;
    const { code, expires_at } = await linkOf(first.key);
    expect(expires_at).toBe(first.expires_at);
    expect((await keyFor(code)).expires_at).toBe(first.expires_at);
    const late = await linkOf(first.key);
    nowMs += 1000;
    expect(await outcomeOf(await redeem(late.code))).toBe('401 invalid_token');
  });

  test('is good for nothing once the key that made it is revoked, which ends the keys that were got with it as well', async () => {
    const [maker, bystander] = [await keyLasting(HOUR_MS), await keyLasting(HOUR_MS)];
    const child = await keyFor((await linkOf(maker.text, { scope: 'read' })).code);
    const grandchild = await keyFor((await linkOf(child.key)).code);
    const other = await keyFor((await linkOf(bystander.text)).code);
    const [waits, childWaits] = [await linkOf(maker.text), await linkOf(child.key)];
    expect(await ask('DELETE', `/v1/keys/${maker.id}`)).toBe('200');
    for (const { code } of [waits, childWaits]) expect(await outcomeOf(await redeem(code))).toBe('401 invalid_token');
    for (const { key } of [child, grandchild]) expect(await ask('GET', '/v1/me', key)).toBe('401 invalid_token');
    for (const text of [bystander.text, other.key]) expect(await ask('GET', '/v1/me', text)).toBe('200');
  });

  test('leaves the key that made it alone where the key that was got with it is revoked', async () => {
    const maker = await keyLasting(HOUR_MS);
    const child = await keyFor((await linkOf(maker.text)).code);
    expect(await ask('DELETE', `/v1/keys/${child.id}`)).toBe('200');
    expect(await ask('GET', '/v1/me', child.key)).toBe('401 invalid_token');
    expect(await ask('GET', '/v1/me', maker.text)).toBe('200');
  });

  test('stays as it is where its person has as many keys as one may have', async () => {
    const { code } = await linkOf();
    const keys = await Promise.all(Array.from({ length: 100 }, () => keyLasting(HOUR_MS)));
    expect(await outcomeOf(await redeem(code))).toBe('429 limit_exceeded');
    expect(await ask('DELETE', `/v1/keys/${keys[0]?.id ?? ''}`)).toBe('200');
    await keyFor(code);
  });

  test('is one of at most 20 that wait; those that are used or over make room, and are kept nowhere', async () => {
    const links = [];
    for (let nth = 0; nth < 20; nth += 1) links.push(await linkOf());
    expect(await ask('POST', LINKS, undefined, {})).toBe('429 limit_exceeded');
    await keyFor(links[0]?.code ?? '');
    await linkOf();
    expect(await ask('POST', LINKS, undefined, {})).toBe('429 limit_exceeded');
    nowMs += 600_000;
    const { code } = await linkOf();
    expect(await scene.rows('sign_in_links')).toHaveLength(1);
    await keyFor(code);
    expect(await scene.rows('sign_in_links')).toEqual([]);
  });

  test('T6: is in no line of the log, and its code in no table', async () => {
    const { code } = await linkOf();
    const waiting = JSON.stringify(await scene.rows('sign_in_links'));
    const { key } = await keyFor(code);
    await redeem(code);
    const texts = `${waiting}${JSON.stringify(await scene.rows('sign_in_links'))}${JSON.stringify([scene.log, scene.requests])}`;
    expect(waiting).toContain('digest');
    expect(findSecrets('directory and log', texts, { code, key })).toEqual([]);
  });
});
