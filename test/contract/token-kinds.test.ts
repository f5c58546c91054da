/** Tokens that the Worker mints, at the real control server: each is good for its own purpose and for no other (W-32). */
import { describe, expect, test } from 'vitest';
import { PUSH_TOKEN_TYP, problemSchema, splitContainerName } from '#protocol';
import { sha256 } from '../../src/lib/secret.ts';
import { mintAgentToken, mintPushToken } from '../../src/tokens/mint.ts';
import { TestControlServer } from '../container/support/control-server.ts';
import type { PushOrder } from '../container/support/push.ts';
import { containerName, sessionId } from '../support/ids.ts';
import { PUBLIC_URL, activeKey, agentClaims, makeIssuer, orderOf } from '../support/issuer.ts';
import { sign } from '../support/signing.ts';

const SESSION = { id: sessionId(1), container: containerName(1), epoch: 1 };

/** A control server that accepts what the Worker's own code mints. */
async function makeScene() {
  const issuer = await makeIssuer();
  const control = await TestControlServer.make({ key: activeKey(issuer.keys), issuer: PUBLIC_URL });
  const push = async (order: PushOrder) => {
    const { town } = splitContainerName(order.container);
    return mintPushToken(issuer, { ...order, town, bodyDigest: await sha256(order.body) }, order.nowMs);
  };
  const list = control.order(SESSION, 'GET', '/agents');
  const opening = control.opening(SESSION);
  const open = async () => control.send(opening, await push(opening));
  return { issuer, control, list, opening, push, open };
}

const REFUSED = { status: 401, code: 'unauthorized' };
const refusalOf = async (response: Response) => ({
  status: response.status,
  code: problemSchema.parse(await response.json()).code,
});

describe('at a control server', () => {
  test('A-26: the push token of the Worker opens a session, and is good for this one request', async () => {
    const { control, list, open, push } = await makeScene();
    expect((await open()).status).toBe(200);
    const token = await push(list);
    expect((await control.send(list, token)).status).toBe(200);
    expect(await refusalOf(await control.send(list, token))).toEqual(REFUSED);
    const elsewhere = control.order(SESSION, 'POST', '/agents/refresh-tokens', {});
    expect(await refusalOf(await control.send(elsewhere, await push(list)))).toEqual(REFUSED);
  });

  test('W-32: an agent token opens no session, though it is well signed and fresh', async () => {
    const { issuer, control, opening } = await makeScene();
    const { token } = await mintAgentToken(issuer, orderOf(), opening.nowMs);
    expect(await refusalOf(await control.send(opening, token.reveal()))).toEqual(REFUSED);
  });

  test('W-32: an agent token is refused in an open session, also for its audience and with every claim of a push', async () => {
    const { issuer, control, list, open } = await makeScene();
    await open();
    const claims = agentClaims({
      ...freshFor(list),
      container: SESSION.container,
      htm: 'GET',
      htu: '/agents',
      bsha: await sha256(''),
    });
    const key = activeKey(issuer.keys);
    expect(await refusalOf(await control.send(list, await sign(key, claims)))).toEqual(REFUSED);
    const asPush = await sign(key, claims, { typ: PUSH_TOKEN_TYP });
    expect((await control.send(list, asPush)).status).toBe(200);
  });

  test('W-32: an identity token for a third party is refused', async () => {
    const { issuer, control, list, open } = await makeScene();
    await open();
    const token = await sign(activeKey(issuer.keys), agentClaims(freshFor(list)), { typ: 'JWT' });
    expect(await refusalOf(await control.send(list, token))).toEqual(REFUSED);
  });
});

/** The audience and the times of a push that carries this order. */
function freshFor({ audience, nowMs }: PushOrder) {
  const nowS = Math.floor(nowMs / 1000);
  return { aud: audience, iat: nowS, nbf: nowS - 30, exp: nowS + 60 };
}
