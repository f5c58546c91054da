import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MAX_AUTHORIZATION_BYTES, problemSchema } from '#protocol';
import { newKey } from '../../../src/tokens/key-edit.ts';
import { mintPushToken } from '../../../src/tokens/mint.ts';
import { DEV_TOKEN } from '../../support/bindings.ts';
import { FOREIGN, OWN, UNKNOWN, makeScene, type EdgeScene } from '../../support/fake-edge.ts';
import { agentId, containerName, sessionId, townId } from '../../support/ids.ts';
import { NOW_MS, agentClaims } from '../../support/issuer.ts';
import { encodeJson, partsOf, sign } from '../../support/signing.ts';
import { mutate, sameBytesOtherText } from '../../support/mutate.ts';
import { randomFrom } from '../../support/random.ts';

const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };
const BARE = 'Bearer realm="reeve"';
const BAD = 'Bearer realm="reeve", error="invalid_token"';

let scene: EdgeScene;
const fetched: string[] = [];

beforeEach(async () => {
  scene = await makeScene();
  fetched.length = 0;
  vi.stubGlobal('fetch', (url: unknown) => {
    fetched.push(String(url));
    throw new Error('nothing is asked to authenticate a caller');
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  expect(fetched).toEqual([]);
});

const heartbeat = (bearer: string) => scene.send('POST', '/v1/agent/heartbeat', { bearer, json: HEARTBEAT });

/** Routes that need credentials: for people, for agents, for containers. */
const GUARDED: readonly [string, string, unknown?][] = [
  ['GET', '/v1/towns'],
  ['POST', '/v1/towns', { name: 'first-town' }],
  ['GET', `/v1/towns/${OWN}`],
  ['POST', `/v1/towns/${OWN}/refresh`, {}],
  ['GET', `/v1/towns/${OWN}/health`],
  ['POST', `/v1/towns/${OWN}/restored`],
  ['GET', `/v1/towns/${OWN}/events`],
  ['GET', `/v1/towns/${OWN}/agents`],
  ['POST', `/v1/towns/${OWN}/agents`, { name: 'ada' }],
  ['GET', `/v1/towns/${OWN}/agents/ada`],
  ['DELETE', `/v1/towns/${OWN}/agents/ada`],
  ['POST', `/v1/towns/${OWN}/agents/ada/start`],
  ['POST', `/v1/towns/${OWN}/agents/ada/stop`],
  ['POST', `/v1/towns/${OWN}/agents/ada/revoke`],
  ['POST', `/v1/towns/${OWN}/agents/ada/refresh`, {}],
  ['GET', `/v1/towns/${OWN}/agents/ada/messages`],
  ['POST', `/v1/towns/${OWN}/agents/ada/messages`, { content: 'hello' }],
  ['GET', `/v1/towns/${OWN}/agents/ada/messages/msg_1`],
  ['POST', '/v1/agent/heartbeat', HEARTBEAT],
  ['POST', '/v1/agent/events', { counter: 1, events: [] }],
  ['POST', '/v1/container/hello', { version: 1 }],
  ['POST', `/v1/container/${containerName(1)}/agents/${agentId(1)}/token`, { session: sessionId(1), inc: 1, gen: 0 }],
];

describe('without credentials', () => {
  for (const [method, path, json] of GUARDED) {
    test(`M-13: ${method} ${path} is 401 with a bare challenge, and touches nothing`, async () => {
      const response = await scene.send(method, path, { bearer: null, ...(json === undefined ? {} : { json }) });
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toBe(BARE);
      expect(problemSchema.parse(await response.json()).code).toBe('unauthenticated');
      expect(scene.calls).toEqual([]);
    });
  }
});

describe('with bad credentials', () => {
  /** The pull is decided by the town, which knows the session; everything else is refused at the edge. */
  const atTheEdge = GUARDED.filter(([, path]) => !path.endsWith('/token'));
  for (const [method, path, json] of atTheEdge) {
    test(`${method} ${path} is 401 with invalid_token, and touches nothing`, async () => {
      const response = await scene.send(method, path, { bearer: 'wrong', ...(json === undefined ? {} : { json }) });
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toBe(BAD);
      expect(problemSchema.parse(await response.json()).code).toBe('invalid_token');
      expect(scene.calls).toEqual([]);
    });
  }

  test('whatever is not one bearer token is refused as a bad one', async () => {
    const odd = [
      '',
      'Bearer',
      'Bearer ',
      `Basic ${DEV_TOKEN}`,
      `Bearer ${DEV_TOKEN} x`,
      `Bearer ${DEV_TOKEN},x`,
      DEV_TOKEN,
    ];
    for (const authorization of odd) {
      const response = await scene.send('GET', '/v1/towns', { authorization });
      expect(response.status, authorization).toBe(401);
      expect(response.headers.get('www-authenticate'), authorization).toBe(BAD);
    }
  });

  test('the scheme is read in any case, as HTTP has it', async () => {
    for (const authorization of [`bearer ${DEV_TOKEN}`, `BEARER  ${DEV_TOKEN}`]) {
      expect((await scene.send('GET', '/v1/towns', { authorization })).status, authorization).toBe(200);
    }
  });

  test('a header of its limit is read, and one byte more is 413 on every route', async () => {
    const scheme = 'Bearer ';
    const at = scheme + 'x'.repeat(MAX_AUTHORIZATION_BYTES - scheme.length);
    for (const [method, path, json] of GUARDED) {
      const given = { authorization: `${at}x`, ...(json === undefined ? {} : { json }) };
      const response = await scene.send(method, path, given);
      expect(response.status, path).toBe(413);
      expect(problemSchema.parse(await response.json()).code).toBe('payload_too_large');
    }
    expect((await scene.send('GET', '/v1/towns', { authorization: at })).status).toBe(401);
    expect(scene.calls).toEqual([]);
  });
});

describe('towns of others', () => {
  const routes = GUARDED.filter(([, path]) => path.startsWith(`/v1/towns/${OWN}`));
  for (const [method, path, json] of routes) {
    test(`M-13: ${method} ${path.replace(OWN, ':town')} is the same 404 for a foreign, an unknown and an impossible town, and touches none`, async () => {
      const bodies = new Set<string>();
      for (const town of [FOREIGN, UNKNOWN, 'town_1', 'x'.repeat(300), '..', OWN.toUpperCase(), `${OWN}x`]) {
        const url = path.replace(OWN, encodeURIComponent(town));
        const response = await scene.send(method, url, json === undefined ? {} : { json });
        // With dots as a town it is the address of something else.
        if (new URL(url, 'http://reeve.test').pathname !== url) continue;
        expect(response.status, town).toBe(404);
        const { request_id: _, ...body } = problemSchema.parse(await response.json());
        bodies.add(JSON.stringify(body));
      }
      expect([...bodies]).toHaveLength(1);
      expect(scene.calls).toEqual([]);
    });
  }

  test('are not in the list of towns', async () => {
    const response = await scene.send('GET', '/v1/towns');
    expect(await response.json()).toMatchObject({ items: [{ id: OWN }], next: null });
  });
});

describe('an agent', () => {
  test('M-14: is who its token says, and is handed to the town of its token', async () => {
    const response = await heartbeat(await scene.agentToken({ town: townId(7), agent: agentId(9), inc: 2, gen: 5 }));
    expect(response.status).toBe(200);
    expect(scene.calls).toMatchObject([
      {
        town: townId(7),
        method: 'heartbeat',
        given: [{ claims: { town: townId(7), agent: agentId(9), inc: 2, gen: 5 } }, HEARTBEAT],
      },
    ]);
  });

  test('M-14: cannot name itself otherwise: headers and body fields that claim an identity are not read', async () => {
    const json = { ...HEARTBEAT, agent: agentId(2), town: townId(2) };
    const headers = { 'x-agent-id': agentId(2), 'x-reeve-agent': agentId(2) };
    await scene.send('POST', '/v1/agent/heartbeat', { bearer: await scene.agentToken(), json, headers });
    expect(scene.calls).toMatchObject([{ town: townId(1), given: [{ claims: { agent: agentId(1) } }, HEARTBEAT] }]);
  });

  test('is no person, and a person is no agent', async () => {
    expect((await scene.send('GET', '/v1/towns', { bearer: await scene.agentToken() })).status).toBe(401);
    expect((await heartbeat(DEV_TOKEN)).status).toBe(401);
    expect(scene.calls).toEqual([]);
  });

  test('that the town refuses gets its code: terminal ones by name, a missing scope as 403, an unknown town as a bad token', async () => {
    const answers = [
      ['agent_retired', 401, BAD],
      ['agent_revoked', 401, BAD],
      ['agent_stopped', 401, BAD],
      ['incarnation_superseded', 401, BAD],
      ['invalid_token', 401, BAD],
      ['insufficient_scope', 403, 'Bearer realm="reeve", error="insufficient_scope"'],
    ] as const;
    for (const [code, status, challenge] of answers) {
      scene.town.instead = () => ({ ok: false, error: code });
      const response = await heartbeat(await scene.agentToken());
      expect(response.status, code).toBe(status);
      expect(response.headers.get('www-authenticate'), code).toBe(challenge);
      expect(problemSchema.parse(await response.json()).code).toBe(code);
    }
    scene.town.instead = () => ({ ok: false, error: 'not_found' });
    const unknown = await heartbeat(await scene.agentToken());
    expect(unknown.status).toBe(401);
    expect(problemSchema.parse(await unknown.json()).code).toBe('invalid_token');
  });
});

describe('S-16: forged tokens at the door', () => {
  /** Status and body of an answer, without the id of the request. */
  async function answerTo(token: string): Promise<string> {
    const response = await heartbeat(token);
    const { request_id: id, ...body } = problemSchema.parse(await response.json());
    expect(id).toBeDefined();
    expect(response.headers.get('www-authenticate')).toBe(response.status === 401 ? BAD : null);
    return `${response.status} ${JSON.stringify(body)}`;
  }
  const REFUSED =
    '401 {"type":"about:blank","title":"The credentials are not accepted","status":401,"code":"invalid_token"}';

  test('S-16: each kind of forgery gets the same 401, so that a forger does not learn what was wrong', async () => {
    const [key] = scene.edge.config.signingKeys.keys;
    if (key === undefined) throw new Error('there is a key');
    const own = await newKey('active');
    const good = await scene.agentToken();
    const { header, payload, signature } = partsOf(good);
    const withHeader = (changes: object) =>
      `${encodeJson({ alg: 'ES256', typ: 'at+jwt', kid: key.kid, ...changes })}.${payload}.${signature}`;
    const { kty, crv, x, y } = own;
    const push = {
      audience: sessionId(1),
      town: townId(1),
      container: containerName(1),
      method: 'POST',
      path: '/',
      bodyDigest: 'x'.repeat(43),
    };
    const forged: Record<string, string> = {
      none: withHeader({ alg: 'none' }),
      'HS256 with the public key': withHeader({ alg: 'HS256' }),
      'another algorithm': withHeader({ alg: 'RS256' }),
      'unknown kid': await sign(own, agentClaims()),
      'known kid, other key': await sign(own, agentClaims(), { kid: key.kid }),
      'own jwk': await sign(own, agentClaims(), { jwk: { kty, crv, x, y } }),
      'own jku': await sign(own, agentClaims(), { jku: 'https://attacker.example.com/jwks.json' }),
      'own x5u': await sign(own, agentClaims(), { x5u: 'https://attacker.example.com/cert.pem' }),
      'our key, their jku': await sign(key, agentClaims(), { jku: 'https://attacker.example.com/jwks.json' }),
      'wrong typ': await sign(key, agentClaims(), { typ: 'JWT' }),
      'no typ': await sign(key, agentClaims(), { typ: undefined }),
      'stripped signature': `${header}.${payload}.x`,
      'a push token': await mintPushToken(await scene.edge.issuer(), push, NOW_MS),
      expired: await sign(key, agentClaims({ exp: NOW_MS / 1000 - 31 })),
      'no exp': await sign(key, agentClaims({ exp: undefined })),
      'other issuer': await sign(key, agentClaims({ iss: 'https://other.example.com' })),
      'not a token': 'hello',
    };
    for (const [name, token] of Object.entries(forged)) expect(await answerTo(token), name).toBe(REFUSED);
    for (const text of sameBytesOtherText(good)) expect(await answerTo(text), text.slice(-4)).toBe(REFUSED);
    expect(scene.calls).toEqual([]);
  });

  test('S-16: a token of 64 KiB is 413', async () => {
    const token = `${await scene.agentToken()}${'A'.repeat(64 * 1024)}`;
    expect(await answerTo(token)).toBe(
      '413 {"type":"about:blank","title":"The request is too large","status":413,"code":"payload_too_large"}',
    );
  });

  test('S-16: 2,000 mutated tokens are all 401 with one body, none reaches a town, and none is an error of the server', async () => {
    const good = await scene.agentToken();
    const random = randomFrom(16);
    const answers = new Set<string>();
    for (let nth = 0; nth < 2000; nth += 1) answers.add(await answerTo(mutate(good, nth, random)));
    expect([...answers]).toEqual([REFUSED]);
    expect(scene.calls).toEqual([]);
    expect(scene.log.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('the log has the reason and never the token (T6)', async () => {
    const good = await scene.agentToken();
    await heartbeat(good.slice(0, -4));
    const text = JSON.stringify([scene.log, scene.requests]);
    expect(text).toContain('token.refused');
    for (const part of good.split('.')) expect(text).not.toContain(part.slice(0, 40));
  });
});
