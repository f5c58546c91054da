import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describe, expect, test } from 'vitest';
import { agentClaimsSchema, pushClaimsSchema, spiffeId } from '#protocol';
import { sha256 } from '../../src/lib/secret.ts';
import { mintAgentToken, mintPushToken, mintThirdPartyToken } from '../../src/tokens/mint.ts';
import { verifyAgentToken, verifyThirdPartyToken } from '../../src/tokens/verify.ts';
import { agentId, containerName, sessionId, townId } from '../support/ids.ts';
import { NOW_MS, NOW_S, PUBLIC_URL, activeKey, makeIssuer, orderOf } from '../support/issuer.ts';
import { AGENT_TOKEN_TTL_SECONDS, sign } from '../support/signing.ts';

const issuer = await makeIssuer();
const { kid } = activeKey(issuer.keys);
const PUSH = {
  audience: sessionId(1),
  town: townId(1),
  container: containerName(1),
  method: 'POST',
  path: `/agents/${agentId(1)}/refresh-token`,
  bodyDigest: await sha256('{}'),
};

describe('a minted agent token', () => {
  test('says in its header only what verifying needs', async () => {
    const { token } = await mintAgentToken(issuer, orderOf(), NOW_MS);
    expect(decodeProtectedHeader(token.reveal())).toEqual({ alg: 'ES256', typ: 'at+jwt', kid });
  });

  test('holds exactly the claims of the token table', async () => {
    const { token, jti } = await mintAgentToken(issuer, orderOf({ inc: 3, gen: 17 }), NOW_MS);
    const claims = decodeJwt(token.reveal());
    expect(claims).toEqual({
      iss: PUBLIC_URL,
      aud: PUBLIC_URL,
      sub: spiffeId('reeve.example.com', townId(1), agentId(1)),
      client_id: agentId(1),
      town: townId(1),
      agent: agentId(1),
      inc: 3,
      gen: 17,
      scope: 'heartbeat events',
      iat: NOW_S,
      nbf: NOW_S - 30,
      exp: NOW_S + AGENT_TOKEN_TTL_SECONDS,
      jti,
    });
    expect(agentClaimsSchema.safeParse(claims).success).toBe(true);
  });

  test('is described without its text: when it was issued, when it ends, and by which key', async () => {
    const order = orderOf();
    const minted = await mintAgentToken(issuer, order, NOW_MS + 999);
    expect(minted).toMatchObject({
      order,
      kid,
      issuedAtMs: NOW_MS,
      expiresAtMs: NOW_MS + AGENT_TOKEN_TTL_SECONDS * 1000,
    });
    const text = minted.token.reveal();
    expect(JSON.stringify(minted)).not.toContain(text.slice(-20));
  });

  test('has a jti of its own', async () => {
    const tokens = await Promise.all(Array.from({ length: 50 }, () => mintAgentToken(issuer, orderOf(), NOW_MS)));
    expect(new Set(tokens.map(({ jti }) => jti)).size).toBe(50);
    // 128 bits, base64url.
    for (const { jti } of tokens) expect(jti).toMatch(/^[A-Za-z0-9_-]{22}$/);
  });

  test('is accepted from its first second on', async () => {
    const { token } = await mintAgentToken(issuer, orderOf({ scopes: [] }), NOW_MS);
    expect((await verifyAgentToken(issuer, token.reveal(), NOW_MS)).ok).toBe(true);
  });
});

describe('a minted token for a third party', () => {
  const order = {
    town: townId(1),
    agent: agentId(1),
    audience: 'https://third.example',
    jti: 'A'.repeat(22),
    iat: NOW_S,
    exp: NOW_S + 3600,
  };

  test('is a JWT-SVID: of type JWT, with the SPIFFE id as subject, one audience and an end', async () => {
    const token = await mintThirdPartyToken(issuer, order);
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', typ: 'JWT', kid });
    expect(decodeJwt(token)).toEqual({
      iss: PUBLIC_URL,
      sub: spiffeId('reeve.example.com', townId(1), agentId(1)),
      aud: 'https://third.example',
      iat: NOW_S,
      nbf: NOW_S - 30,
      exp: NOW_S + 3600,
      jti: order.jti,
    });
  });

  test('W-32: is no token of an agent, also where its audience is the town', async () => {
    const token = await mintThirdPartyToken(issuer, { ...order, audience: PUBLIC_URL });
    expect(await verifyAgentToken(issuer, token, NOW_MS)).toMatchObject({ ok: false, error: 'bad_claims' });
    const own = (await mintAgentToken(issuer, orderOf(), NOW_MS)).token.reveal();
    expect(await verifyThirdPartyToken(issuer, own, NOW_MS)).toMatchObject({ ok: false, error: 'bad_claims' });
    const verified = await verifyThirdPartyToken(issuer, await mintThirdPartyToken(issuer, order), NOW_MS);
    expect(verified).toMatchObject({ ok: true, value: { town: townId(1), agent: agentId(1) } });
  });

  test.each([
    ['a subject of another trust domain', { sub: spiffeId('elsewhere.example', townId(1), agentId(1)) }],
    ['a subject with more behind it', { sub: `${spiffeId('reeve.example.com', townId(1), agentId(1))}/x` }],
    ['a subject that is a town', { sub: `spiffe://reeve.example.com/town/${townId(1)}` }],
    ['two audiences', { aud: ['https://third.example', 'https://fourth.example'] }],
    ['no jti', { jti: undefined }],
  ])('is refused with %s', async (_what, changes) => {
    const claims = { ...decodeJwt(await mintThirdPartyToken(issuer, order)), ...changes };
    const token = await sign(activeKey(issuer.keys), claims, { typ: 'JWT' });
    expect(await verifyThirdPartyToken(issuer, token, NOW_MS)).toMatchObject({ ok: false, error: 'bad_claims' });
  });

  test('is over an hour after it was issued, whatever it says of its end', async () => {
    const token = await mintThirdPartyToken(issuer, { ...order, iat: NOW_S - 3631, exp: NOW_S + 60 });
    expect(await verifyThirdPartyToken(issuer, token, NOW_MS)).toMatchObject({ ok: false, error: 'expired' });
  });
});

describe('a minted push token', () => {
  test('is for one request of one town to one container, and lives for 60 s', async () => {
    const token = await mintPushToken(issuer, PUSH, NOW_MS);
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', typ: 'town-push+jwt', kid });
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({
      iss: PUBLIC_URL,
      aud: PUSH.audience,
      sub: `spiffe://reeve.example.com/town/${townId(1)}`,
      town: PUSH.town,
      container: PUSH.container,
      htm: 'POST',
      htu: PUSH.path,
      bsha: PUSH.bodyDigest,
      iat: NOW_S,
      nbf: NOW_S - 30,
      exp: NOW_S + 60,
    });
    expect(pushClaimsSchema.safeParse(claims).success).toBe(true);
  });

  test('is another one for the same request, so that each is used once', async () => {
    const tokens = await Promise.all([1, 2, 3].map(() => mintPushToken(issuer, PUSH, NOW_MS)));
    expect(new Set(tokens.map((token) => decodeJwt(token).jti)).size).toBe(3);
    for (const token of tokens) expect(decodeJwt(token).jti).toMatch(/^[A-Za-z0-9_-]{22}$/);
  });
});
