import { describe, expect, test } from 'vitest';
import { createApp } from '../../../src/http/app.ts';
import { OWN, makeScene, type EdgeScene } from '../../support/fake-edge.ts';

const CHAT = 'https://chat.example.com';
const STRANGER = 'https://elsewhere.example.com';
const preflight = (scene: EdgeScene, origin: string) =>
  scene.send('OPTIONS', `/v1/towns/${OWN}/agents/ada/messages`, {
    bearer: null,
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization, content-type, idempotency-key',
    },
  });

describe('a page of another origin', () => {
  test('that is allowed may ask, without a credential, what it may send', async () => {
    const scene = await makeScene({ ALLOWED_ORIGINS: `${CHAT}, http://localhost:3000` });
    const { status, headers } = await preflight(scene, CHAT);
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe(CHAT);
    expect(headers.get('access-control-allow-headers')).toBe('authorization,content-type,idempotency-key');
    const allowed = headers.get('access-control-allow-methods')?.split(',') ?? [];
    const used = createApp(scene.edge).routes.map(({ method }) => method);
    expect(used.filter((method) => method !== 'ALL' && !allowed.includes(method))).toEqual([]);
    expect(headers.get('vary')).toContain('Origin');
    expect(headers.get('access-control-allow-credentials')).toBeNull();
  });

  test('that is allowed reads answers and refusals, with the headers of ours', async () => {
    const scene = await makeScene({ ALLOWED_ORIGINS: CHAT });
    for (const bearer of [undefined, 'wrong']) {
      const given = bearer === undefined ? {} : { bearer };
      const { headers } = await scene.send('GET', `/v1/towns/${OWN}`, { ...given, headers: { origin: CHAT } });
      expect(headers.get('access-control-allow-origin')).toBe(CHAT);
      expect(headers.get('access-control-expose-headers')).toContain('x-request-id');
      expect(headers.get('vary')).toContain('Origin');
    }
  });

  test('that is not on the list is allowed nothing', async () => {
    const scene = await makeScene({ ALLOWED_ORIGINS: CHAT });
    for (const origin of [STRANGER, 'null', `${CHAT}.evil.example`]) {
      expect((await preflight(scene, origin)).headers.get('access-control-allow-origin')).toBeNull();
      const { headers } = await scene.send('GET', `/v1/towns/${OWN}`, { headers: { origin } });
      expect(headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  test('is never allowed where no list is given', async () => {
    const scene = await makeScene();
    expect((await preflight(scene, CHAT)).headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('a browser that Cloudflare Access has signed in', () => {
  const settings = { ACCESS_TEAM_DOMAIN: 'team.cloudflareaccess.com', ACCESS_AUD: 'tag', ALLOWED_ORIGINS: CHAT };
  /** Its token is judged by the same authenticator as any other; here that is the development token. */
  const signedIn = { 'cf-access-jwt-assertion': 'dev-token-0123456789' };
  const create = async (scene: EdgeScene, headers: Record<string, string>) =>
    (await scene.send('POST', '/v1/towns', { bearer: null, json: { name: 'second' }, headers })).status;

  test('is the person of its assertion, which a bearer outranks', async () => {
    const scene = await makeScene(settings);
    expect((await scene.send('GET', '/v1/towns', { bearer: null, headers: signedIn })).status).toBe(200);
    expect((await scene.send('GET', '/v1/towns', { bearer: 'wrong', headers: signedIn })).status).toBe(401);
  });

  test('changes nothing for a page that may not call', async () => {
    const scene = await makeScene(settings);
    expect(await create(scene, { ...signedIn, origin: STRANGER })).toBe(401);
    expect(await create(scene, { ...signedIn, origin: CHAT })).toBe(201);
    expect(await create(scene, { ...signedIn, origin: scene.edge.config.publicUrl })).toBe(201);
    expect(await create(scene, signedIn)).toBe(201);
  });

  test('is no person where Access is not configured: then any caller could send that header', async () => {
    expect(await create(await makeScene(), signedIn)).toBe(401);
  });
});
