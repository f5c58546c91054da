/** Tokens that the Worker mints, at the real control server: each is good for its own purpose and for no other (W-32). */
import { describe, expect, test } from 'vitest';
import { PROTOCOL_VERSION, problemSchema } from '#protocol';
import { Registry } from '../../container/clients/registry.ts';
import { publicKeySetSchema } from '../../container/config.ts';
import { createControlServer } from '../../container/control-server.ts';
import { sha256 } from '../../src/lib/secret.ts';
import { publicKeys } from '../../src/tokens/key-set.ts';
import { mintAgentToken, mintPushToken } from '../../src/tokens/mint.ts';
import { KeptLog } from '../container/support/log.ts';
import { ManualClock } from '../container/support/manual-clock.ts';
import { containerName, sessionId, townId } from '../support/ids.ts';
import { PUBLIC_URL, activeKey, agentClaims, makeIssuer, orderOf } from '../support/issuer.ts';
import { sign } from '../support/signing.ts';

const CONTAINER = containerName(1);
const SESSION = sessionId(1);

async function makeBox() {
  const issuer = await makeIssuer();
  const clock = new ManualClock();
  const server = createControlServer({
    config: {
      apiUrl: PUBLIC_URL,
      issuer: PUBLIC_URL,
      jwks: publicKeySetSchema.parse(publicKeys(issuer.keys)),
      containerSecret: null,
    },
    clock,
    fetch: () => Promise.reject(new TypeError('the network is not there')),
    log: new KeptLog(),
    registry: new Registry(),
  });
  const body = JSON.stringify({
    version: PROTOCOL_VERSION,
    container: CONTAINER,
    session: SESSION,
    epoch: 1,
    secret: 's'.repeat(43),
    heartbeat_seconds: 30,
  });
  const send = async (method: string, path: string, token: string, text = '') => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await server.app.fetch(
      new Request(`http://box.example${path}`, text === '' ? { method, headers } : { method, headers, body: text }),
    );
    return { status: response.status, text: await response.text() };
  };
  const push = async (audience: string, method: string, path: string, text = '') =>
    mintPushToken(
      issuer,
      { audience, town: townId(1), container: CONTAINER, method, path, bodyDigest: await sha256(text) },
      clock.nowMs(),
    );
  const open = async () => send('PUT', '/session', await push(server.boot, 'PUT', '/session', body), body);
  return { issuer, clock, server, body, send, push, open };
}

const REFUSED = { status: 401, code: 'unauthorized' };
const refusalOf = ({ status, text }: { status: number; text: string }) => ({
  status,
  code: problemSchema.parse(JSON.parse(text)).code,
});

describe('at a control server', () => {
  test('A-26: the push token of the Worker opens a session, and is good for this one request', async () => {
    const { open, send, push } = await makeBox();
    expect(await open()).toMatchObject({ status: 200 });
    const token = await push(SESSION, 'GET', '/agents');
    expect((await send('GET', '/agents', token)).status).toBe(200);
    expect(refusalOf(await send('GET', '/agents', token))).toEqual(REFUSED);
    const other = await push(SESSION, 'GET', '/agents');
    expect(refusalOf(await send('POST', '/agents/refresh-tokens', other, '{}'))).toEqual(REFUSED);
  });

  test('W-32: an agent token opens no session, though it is well signed and fresh', async () => {
    const { issuer, clock, send, body } = await makeBox();
    const { token } = await mintAgentToken(issuer, orderOf(), clock.nowMs());
    expect(refusalOf(await send('PUT', '/session', token.reveal(), body))).toEqual(REFUSED);
  });

  test('W-32: an agent token is refused in an open session, also for its audience and with every claim of a push', async () => {
    const { issuer, clock, send, open } = await makeBox();
    await open();
    const nowS = Math.floor(clock.nowMs() / 1000);
    const claims = agentClaims({
      aud: SESSION,
      iat: nowS,
      nbf: nowS - 30,
      exp: nowS + 60,
      container: CONTAINER,
      htm: 'GET',
      htu: '/agents',
      bsha: await sha256(''),
    });
    const key = activeKey(issuer.keys);
    expect(refusalOf(await send('GET', '/agents', await sign(key, claims)))).toEqual(REFUSED);
    const asPush = await sign(key, claims, { typ: 'town-push+jwt' });
    expect((await send('GET', '/agents', asPush)).status).toBe(200);
  });

  test('W-32: an identity token for a third party is refused', async () => {
    const { issuer, clock, send, open } = await makeBox();
    await open();
    const nowS = Math.floor(clock.nowMs() / 1000);
    const claims = agentClaims({ aud: SESSION, iat: nowS, nbf: nowS - 30, exp: nowS + 60 });
    const token = await sign(activeKey(issuer.keys), claims, { typ: 'JWT' });
    expect(refusalOf(await send('GET', '/agents', token))).toEqual(REFUSED);
  });
});
