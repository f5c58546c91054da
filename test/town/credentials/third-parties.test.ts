import { env, evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { afterEach, describe, expect, it } from 'vitest';
import { base64url, randomBytes } from '../../../src/lib/secret.ts';
import {
  MAX_EXCHANGED_PER_AGENT,
  exchangedTokenSchema,
  spiffeId,
  type AgentView,
  type Introspection,
  type OauthError,
} from '../../../src/protocol/index.ts';
import { tainted, newKey } from '../../../src/tokens/key-edit.ts';
import { activeKid } from '../../../src/tokens/key-set.ts';
import { verifyAgentToken, verifyThirdPartyToken } from '../../../src/tokens/verify.ts';
import { findSecrets } from '../../support/secret-scan.ts';
import { sign } from '../../support/signing.ts';
import { agentToken, deployedKey, type Speaker } from '../support/deployment-tokens.ts';
import { tablesOf } from '../support/footprint.ts';
import { lab } from '../support/lab.ts';
import { AUDIENCE, exchangeForm } from '../support/oauth-doors.ts';
import { giveAway } from '../support/scene.ts';
import { TestTown, postForm, type Answer } from '../support/town.ts';
import { DEV_TOKEN, PUBLIC_URL, currentKeys, deployment, useKeys } from '../support/wiring.ts';

const MAYOR = { role: 'mayor' };
const SCOPE = 'heartbeat exchange';
const INACTIVE = { active: false };

type Exchanged = { access_token: string; expires_in: number } & Partial<OauthError>;

/** A town that allows the audience, with an agent that may exchange. */
async function townWith(name = 'ada'): Promise<{ town: TestTown; agent: AgentView }> {
  const town = await TestTown.create();
  await town.api('PATCH', '', { token_audiences: [AUDIENCE] });
  await town.agent(name, MAYOR);
  await town.settled();
  return { town, agent: await town.read(name) };
}

/** The agent's own token, as the town minted it last, signed at this moment. */
function ownToken(town: TestTown, agent: AgentView, changes: Partial<Speaker> = {}, exp?: number): Promise<string> {
  const speaker = {
    town: town.id,
    agent: agent.id,
    inc: agent.incarnation,
    gen: agent.credential.minted,
    scope: SCOPE,
  };
  return agentToken({ ...speaker, ...changes }, exp === undefined ? {} : { claims: { exp } });
}

const exchange = (subject: string, changes = {}): Promise<Answer<Exchanged>> =>
  postForm('/v1/oauth/token', exchangeForm(subject, changes), null);

async function exchanged(town: TestTown, agent: AgentView): Promise<string> {
  const answer = await exchange(await ownToken(town, agent));
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  return answer.body.access_token;
}

const introspect = async (token: string, bearer = DEV_TOKEN): Promise<Introspection> => {
  const { status, headers, body } = await postForm<Introspection>('/v1/oauth/introspect', { token }, bearer);
  expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
  return body;
};

const revoke = (token: string, bearer: string): Promise<Answer<Partial<OauthError>>> =>
  postForm('/v1/oauth/revoke', { token }, bearer);

const refusal = ({ status, body }: Answer<Partial<OauthError>>): string => `${status} ${body.error} ${body.code}`;

const claimsOf = async (token: string) => {
  const verified = await verifyThirdPartyToken(await (await deployment()).issuer(), token, lab.clock.now());
  if (!verified.ok) throw new Error(verified.error);
  return verified.value.claims;
};

describe('an exchange', () => {
  it('W-35: answers a token for the one audience, of the agent, for an hour', async () => {
    const { town, agent } = await townWith();
    const { status, headers, body } = await exchange(await ownToken(town, agent));
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(exchangedTokenSchema.parse(body)).toMatchObject({ token_type: 'Bearer', expires_in: 3600 });
    const iat = Math.floor(lab.clock.now() / 1000);
    expect(await claimsOf(body.access_token)).toEqual({
      iss: PUBLIC_URL,
      sub: spiffeId('reeve.test', town.id, agent.id),
      aud: AUDIENCE,
      iat,
      nbf: iat - 30,
      exp: iat + 3600,
      jti: expect.any(String),
    });
  });

  it('W-35: never lives beyond the token that it was made from, and is refused where that has no five minutes left', async () => {
    const { town, agent } = await townWith();
    const now = Math.floor(lab.clock.now() / 1000);
    const near = await exchange(await ownToken(town, agent, {}, now + 300));
    expect(near.body.expires_in).toBe(300);
    expect((await claimsOf(near.body.access_token)).exp).toBe(now + 300);
    expect(refusal(await exchange(await ownToken(town, agent, {}, now + 299)))).toBe(
      '400 invalid_request invalid_request',
    );
  });

  it('W-35: is refused for an audience that the town does not allow, and for one that it allows no more', async () => {
    const { town, agent } = await townWith();
    const subject = await ownToken(town, agent);
    for (const audience of [`${AUDIENCE}/`, PUBLIC_URL, AUDIENCE.toUpperCase()]) {
      expect([audience, refusal(await exchange(subject, { audience }))]).toEqual([
        audience,
        '400 invalid_target invalid_request',
      ]);
    }
    await town.api('PATCH', '', { token_audiences: [] });
    expect(refusal(await exchange(subject))).toBe('400 invalid_target invalid_request');
    const elsewhere = await townWith('eve');
    expect((await exchange(await ownToken(elsewhere.town, elsewhere.agent))).status).toBe(200);
  });

  it('W-35: is refused for a retired, revoked or stopped agent, an old incarnation, and one without the scope', async () => {
    const { town, agent } = await townWith();
    const worker = await town.agent('worker');
    expect(refusal(await exchange(await ownToken(town, worker, { scope: SCOPE })))).toBe(
      '400 unauthorized_client insufficient_scope',
    );
    expect(refusal(await exchange(await ownToken(town, agent, { scope: 'heartbeat' })))).toBe(
      '400 unauthorized_client insufficient_scope',
    );
    const old = await ownToken(town, agent);
    await town.api('POST', '/agents/ada/revoke');
    expect(refusal(await exchange(old))).toBe('400 invalid_request agent_revoked');
    await town.api('POST', '/agents/ada/start');
    expect(refusal(await exchange(old))).toBe('400 invalid_request incarnation_superseded');
    await town.api('POST', '/agents/ada/stop');
    expect(refusal(await exchange(await ownToken(town, await town.read('ada'))))).toBe(
      '400 invalid_request agent_stopped',
    );
    await town.api('DELETE', '/agents/ada');
    expect(refusal(await exchange(old))).toBe('400 invalid_request agent_retired');
    expect((await town.events()).filter(({ type }) => type === 'reeve.token.exchanged')).toEqual([]);
  });

  it('W-35: buys nothing at the town with what it gave, and exchanges no token of a third party again', async () => {
    const { town, agent } = await townWith();
    const token = await exchanged(town, agent);
    expect(refusal(await exchange(token))).toBe('400 invalid_request invalid_token');
    const issuer = await (await deployment()).issuer();
    expect(await verifyAgentToken(issuer, token, lab.clock.now())).toMatchObject({ ok: false, error: 'bad_claims' });
  });

  it('W-33: is told in one event, with ids, audience and end, and no table holds the text', async () => {
    const { town, agent } = await townWith();
    const token = await exchanged(town, agent);
    const { jti, exp } = await claimsOf(token);
    const told = (await town.events()).filter(({ type }) => type === 'reeve.token.exchanged');
    expect(told).toMatchObject([
      {
        subject: agent.id,
        data: {
          jti,
          audience: AUDIENCE,
          incarnation: 1,
          generation: 1,
          expires_at: new Date(exp * 1000).toISOString(),
        },
      },
    ]);
    const tables = Object.entries(await tablesOf(town.id, town.stub));
    expect(tables.flatMap(([table, rows]) => findSecrets(table, rows.join('\n'), { token }))).toEqual([]);
  });

  it('of which the platform brings the call twice is one token and one event', async () => {
    const { town, agent } = await townWith();
    const issuer = await (await deployment()).issuer();
    const call = await verifyAgentToken(issuer, await ownToken(town, agent), lab.clock.now());
    if (!call.ok) throw new Error(call.error);
    const order = { audience: AUDIENCE, jti: base64url(randomBytes(16)) };
    using self = await env.TOWN.getByName(town.id).agent(call.value);
    const both = [await self.exchangeToken(order), await self.exchangeToken(order)];
    expect(both.map(({ ok }) => ok)).toEqual([true, true]);
    expect((await town.events()).filter(({ type }) => type === 'reeve.token.exchanged')).toHaveLength(1);
  });

  it('is refused while a hundred of the agent are out; those that expire, and those that it ends, make room', async () => {
    const { town, agent } = await townWith();
    const now = lab.clock.now();
    await runInDurableObject(town.stub, (_, { storage: { sql } }) => {
      for (let nth = 1; nth < MAX_EXCHANGED_PER_AGENT; nth += 1) {
        const query = 'INSERT INTO exchanged_tokens (jti, agent, inc, gen, expires_at_ms) VALUES (?, ?, 1, 1, ?)';
        sql.exec(query, `jti-${nth}`, agent.id, now + 600_000);
      }
    });
    const last = await exchanged(town, agent);
    const full = await exchange(await ownToken(town, agent));
    expect([refusal(full), full.headers.get('retry-after')]).toEqual([
      '429 temporarily_unavailable limit_exceeded',
      '5',
    ]);
    expect((await revoke(last, await ownToken(town, agent))).status).toBe(200);
    await exchanged(town, agent);
    lab.clock.advance(600_000);
    await exchanged(town, agent);
    const { exchanged_tokens: rows } = Object.fromEntries(
      Object.entries(await tablesOf('t', town.stub)).map(([name, all]) => [name.replace('t.', ''), all]),
    );
    expect(rows).toHaveLength(2);
  });
});

describe('the audiences of a town', () => {
  it('are set by its person, all at once; the same again is no change', async () => {
    const town = await TestTown.create();
    const audiences = ['sts.amazonaws.com', '//iam.googleapis.com/projects/1/providers/reeve'];
    for (let time = 0; time < 2; time += 1) {
      const { status, body } = await town.api('PATCH', '', { token_audiences: audiences });
      expect([status, body]).toMatchObject([200, { id: town.id, token_audiences: audiences }]);
    }
    const told = (await town.events()).filter(({ type }) => type === 'reeve.town.changed');
    expect(told.map(({ data }) => data)).toEqual([{ token_audiences: audiences }]);
    await evictDurableObject(town.stub);
    expect((await town.api('GET', '')).body).toMatchObject({ token_audiences: audiences });
  });
});

describe('introspection', () => {
  let restoreKeys = (): Promise<void> => Promise.resolve();
  afterEach(() => restoreKeys());

  it('W-36: tells what an accepted token says, to a person of the town and to its agents', async () => {
    const { town, agent } = await townWith();
    const token = await exchanged(town, agent);
    const claims = await claimsOf(token);
    const says = { active: true, token_type: 'Bearer', client_id: agent.id, ...claims };
    expect(await introspect(token)).toEqual(says);
    expect(await introspect(token, await ownToken(town, agent))).toEqual(says);
    const own = await ownToken(town, agent);
    expect(await introspect(own)).toMatchObject({ active: true, aud: PUBLIC_URL, scope: SCOPE, client_id: agent.id });
  });

  it('W-36: answers {active: false} for an expired token, and for one that was ended', async () => {
    const { town, agent } = await townWith();
    const [ended, kept] = [await exchanged(town, agent), await exchanged(town, agent)];
    expect((await revoke(ended, await ownToken(town, agent))).status).toBe(200);
    expect([await introspect(ended), (await introspect(kept)).active]).toEqual([INACTIVE, true]);
    const own = await ownToken(town, agent, {}, Math.floor(lab.clock.now() / 1000) + 3600);
    lab.clock.advance(3_600_000);
    expect([await introspect(kept), await introspect(own)]).toEqual([INACTIVE, INACTIVE]);
  });

  it('W-36: answers {active: false} once the agent is revoked, also after it was started again, and once it is retired', async () => {
    const { town, agent } = await townWith();
    const token = await exchanged(town, agent);
    const own = await ownToken(town, agent);
    await town.api('POST', '/agents/ada/revoke');
    expect([await introspect(token), await introspect(own)]).toEqual([INACTIVE, INACTIVE]);
    await town.api('POST', '/agents/ada/start');
    expect([await introspect(token), await introspect(own)]).toEqual([INACTIVE, INACTIVE]);
    await town.settled();
    const next = await exchanged(town, await town.read('ada'));
    expect((await introspect(next)).active).toBe(true);
    await town.api('DELETE', '/agents/ada');
    expect(await introspect(next)).toEqual(INACTIVE);
  });

  it('W-36: answers {active: false} once the agent may not exchange, the audience is not allowed, or the town was put back', async () => {
    const { town, agent } = await townWith();
    const token = await exchanged(town, agent);
    await town.api('PATCH', '', { token_audiences: [] });
    expect(await introspect(token)).toEqual(INACTIVE);
    await town.api('PATCH', '', { token_audiences: [AUDIENCE] });
    expect((await introspect(token)).active).toBe(true);
    await town.api('PATCH', '/agents/ada', { scopes: ['heartbeat'] });
    expect(await introspect(token)).toEqual(INACTIVE);
    await town.api('PATCH', '/agents/ada', { scopes: ['heartbeat', 'exchange'] });
    expect((await introspect(token)).active).toBe(true);
    await town.api('POST', '/restored', {});
    expect(await introspect(token)).toEqual(INACTIVE);
  });

  it('W-36: answers {active: false} for what this town never gave: unknown, altered, foreign, of another key', async () => {
    const { town, agent } = await townWith();
    const token = await exchanged(town, agent);
    const claims = await claimsOf(token);
    const key = await deployedKey('active');
    const typ = { typ: 'JWT' };
    const stranger = { ...(await newKey('active')), kid: key.kid };
    const other = await townWith('eve');
    const foreign = await exchanged(other.town, other.agent);
    const subject = spiffeId('reeve.test', other.town.id, agent.id);
    for (const [what, text] of [
      ['no token', 'none'],
      ['64 KB less the name', 'x'.repeat(60_000)],
      ['its first half', token.slice(0, token.length / 2)],
      ['another signature', `${token.slice(0, token.lastIndexOf('.'))}.${'A'.repeat(86)}`],
      ['of another key under the same kid', await sign(stranger, claims, typ)],
      ['a jti that was never given', await sign(key, { ...claims, jti: 'A'.repeat(22) }, typ)],
      ['another agent under a jti that was given', await sign(key, { ...claims, sub: subject }, typ)],
      ['another issuer', await sign(key, { ...claims, iss: 'https://elsewhere.example' }, typ)],
    ] as const) {
      expect([what, await introspect(text)]).toEqual([what, INACTIVE]);
    }
    await giveAway(other.town, 'somebody-else');
    expect([await introspect(foreign), await introspect(foreign, await ownToken(town, agent))]).toEqual([
      INACTIVE,
      INACTIVE,
    ]);
    expect((await introspect(foreign, await ownToken(other.town, other.agent))).active).toBe(true);
  });

  it('W-36: answers {active: false} for what a tainted key signed', async () => {
    const { town, agent } = await townWith();
    const token = await exchanged(town, agent);
    const before = await currentKeys();
    restoreKeys = () => useKeys(before);
    const after = tainted(before, activeKid(before), await newKey('active'));
    if (!after.ok) throw new Error(after.error);
    await useKeys(after.value);
    await evictDurableObject(town.stub);
    expect(await introspect(token)).toEqual(INACTIVE);
  });

  it('W-36: changes nothing, and counts as no sign of life of the agent that is asked about', async () => {
    const { town, agent } = await townWith();
    const token = await exchanged(town, agent);
    await town.settled();
    const before = await tablesOf(town.id, town.stub);
    await introspect(token);
    await introspect(await ownToken(town, agent));
    expect(await tablesOf(town.id, town.stub)).toEqual(before);
  });
});

describe('the end of a token', () => {
  it('is for the agent that got it: any other token is left as it is, with the same answer', async () => {
    const { town, agent } = await townWith();
    await town.agent('bob', MAYOR);
    await town.settled();
    const bob = await town.read('bob');
    const token = await exchanged(town, agent);
    for (const text of [token, 'none', `${token}x`]) {
      const { status, body } = await revoke(text, await ownToken(town, bob));
      expect([status, body]).toEqual([200, {}]);
    }
    expect((await introspect(token)).active).toBe(true);
    for (let time = 0; time < 2; time += 1) expect((await revoke(token, await ownToken(town, agent))).status).toBe(200);
    expect(await introspect(token)).toEqual(INACTIVE);
    const told = (await town.events()).filter(({ type }) => type === 'reeve.token.revoked');
    expect(told).toMatchObject([{ subject: agent.id, data: { jti: expect.any(String) } }]);
  });

  it('is not for the own token of an agent, which people revoke', async () => {
    const { town, agent } = await townWith();
    const own = await ownToken(town, agent);
    expect(refusal(await revoke(own, own))).toBe('400 unsupported_token_type invalid_request');
    expect((await introspect(own)).active).toBe(true);
  });
});
