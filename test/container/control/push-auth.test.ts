import { SignJWT, UnsecuredJWT, base64url, exportSPKI, generateKeyPair, importJWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { AGENT_TOKEN_TYP, PUSH_TOKEN_TYP, problemSchema } from '#protocol';
import { TestControlServer, type HeldSession } from '../support/control-server.ts';
import { TOWN_URL } from '../support/fake-town-api.ts';
import { agentId, containerName, sessionId } from '../../support/ids.ts';
import { newKey } from '../../../src/tokens/key-edit.ts';
import type { TokenChanges } from '../../support/signing.ts';
import { claimsOf, keySetOf, publicJwkOf, pushRequest, signPush, type PushOrder } from '../support/push.ts';

/** A retirement of the running agent: what must not happen by any token that is refused. */
async function target(): Promise<{
  control: TestControlServer;
  session: HeldSession;
  order: PushOrder;
  isUntouched: () => Promise<boolean>;
}> {
  const { control, session, agent } = await TestControlServer.withAgent();
  const order = control.order(session, 'POST', `/agents/${agent}/retire`, { inc: 1 });
  const isUntouched = async (): Promise<boolean> => (await control.running(session)).length === 1;
  return { control, session, order, isUntouched };
}

async function refusalOf(control: TestControlServer, order: PushOrder, token: string): Promise<string> {
  const response = await control.send(order, token);
  const code = problemSchema.safeParse(await response.json());
  return `${response.status} ${code.success ? code.data.code : 'no problem'}`;
}

/** The reason that the log names for the last refusal. */
const reasonOf = (control: TestControlServer): unknown =>
  control.log.lines.findLast(({ event }) => event === 'push_refused')?.fields['reason'];

const REFUSED = '401 unauthorized';

describe('what a push token must be', () => {
  it('A-13: a token that is right is accepted, once', async () => {
    const { control, order } = await target();
    const token = await signPush(control.key, order);
    expect((await control.send(order, token)).status).toBe(200);
    expect(await refusalOf(control, order, token)).toBe(REFUSED);
    expect(reasonOf(control)).toBe('repeated');
  });

  it('of two copies that arrive together one is admitted', async () => {
    const { control, order } = await target();
    const token = await signPush(control.key, order);
    const both = await Promise.all([control.send(order, token), control.send(order, token)]);
    expect(both.map(({ status }) => status)).toContain(401);
    expect(both.map(({ status }) => status)).toContain(200);
  });

  it('of two copies of an opening that arrive together one is admitted', async () => {
    const control = await TestControlServer.make();
    const opening = control.opening({ id: sessionId(1), container: containerName(1), epoch: 1 });
    const token = await signPush(control.key, opening);
    const both = await Promise.all([control.send(opening, token), control.send(opening, token)]);
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 401]);
    expect(reasonOf(control)).toBe('repeated');
  });

  it('keeps its session from the end of those that are not used for a day', async () => {
    const { control, session } = await TestControlServer.withAgent();
    await control.end(session, 'retire', agentId(1));
    await control.clock.advance(23 * 3_600_000);
    await control.running(session);
    await control.clock.advance(2 * 3_600_000);
    await control.session(2);
    expect(await control.running(session)).toEqual([]);
  });

  for (const claim of ['iss', 'aud', 'sub', 'iat', 'nbf', 'exp', 'jti', 'town', 'container', 'htm', 'htu', 'bsha']) {
    it(`W-31: is refused without ${claim}`, async () => {
      const { control, order, isUntouched } = await target();
      expect(
        await refusalOf(control, order, await signPush(control.key, order, { claims: { [claim]: undefined } })),
      ).toBe(REFUSED);
      expect(await isUntouched()).toBe(true);
    });
  }

  const changes: [string, string, TokenChanges][] = [
    ['another issuer', 'bad_claims', { claims: { iss: 'https://elsewhere.example' } }],
    ['another audience', 'malformed', { claims: { aud: TOWN_URL } }],
    ['several audiences', 'malformed', { claims: { aud: [TOWN_URL, sessionId(1)] } }],
    ['another method', 'other_request', { claims: { htm: 'PUT' } }],
    ['another path', 'other_request', { claims: { htu: `/agents/${agentId(2)}/retire` } }],
    ['another body', 'other_request', { claims: { bsha: base64url.encode(new Uint8Array(32)) } }],
    ['another container of the same town', 'other_container', { claims: { container: containerName(1, 1) } }],
    ['a container of another town', 'other_container', { claims: { container: containerName(2) } }],
    ['another town', 'other_container', { claims: { town: containerName(2).split(':')[0] } }],
    ['a time that is no number', 'bad_claims', { claims: { exp: 'tomorrow' } }],
    ['an id that is too short', 'bad_claims', { claims: { jti: 'short' } }],
    ['no typ', 'bad_claims', { header: { typ: undefined } }],
    ['no kid', 'malformed', { header: { kid: undefined } }],
  ];
  it.each(changes)('A-13: is refused with %s, which the log alone calls %s', async (_what, reason, change) => {
    const { control, order, isUntouched } = await target();
    expect(await refusalOf(control, order, await signPush(control.key, order, change))).toBe(REFUSED);
    expect(reasonOf(control)).toBe(reason);
    expect(await isUntouched()).toBe(true);
  });

  it.each(['', 'Bearer', 'Bearer ', 'Basic TOKEN', 'x Bearer TOKEN', 'Bearer TOKEN more'])(
    'A-13: is refused in a header %j, as no bearer',
    async (header) => {
      const { control, order, isUntouched } = await target();
      const request = pushRequest(order, '');
      request.headers.set('authorization', header.replace('TOKEN', await signPush(control.key, order)));
      expect((await control.server.app.fetch(request)).status).toBe(401);
      expect(reasonOf(control)).toBe('no_bearer');
      expect(await isUntouched()).toBe(true);
    },
  );

  it('W-32: a token of another kind is refused, whatever it is for', async () => {
    const { control, order, isUntouched } = await target();
    for (const typ of [AGENT_TOKEN_TYP, 'JWT']) {
      expect(await refusalOf(control, order, await signPush(control.key, order, { header: { typ } }))).toBe(REFUSED);
    }
    expect(await isUntouched()).toBe(true);
  });

  it('W-32: a token for the boot opens a session and nothing else, one for a session opens none', async () => {
    const { control, session, order, isUntouched } = await target();
    const forBoot = { ...order, audience: control.server.boot };
    expect(await refusalOf(control, forBoot, await signPush(control.key, forBoot))).toBe(REFUSED);
    const body = {
      version: 1,
      container: session.container,
      session: sessionId(7),
      epoch: 7,
      secret: 'x'.repeat(43),
      heartbeat_seconds: 30,
    };
    const opening = control.order(session, 'PUT', '/session', body);
    expect(await refusalOf(control, opening, await signPush(control.key, opening))).toBe(REFUSED);
    expect(await isUntouched()).toBe(true);
  });

  it('lives 60 s and the tolerance of 30 s, and not a second longer', async () => {
    const { control, session } = await target();
    const order = control.order(session, 'GET', '/agents');
    const aged = (seconds: number): Promise<string> =>
      signPush(control.key, { ...order, nowMs: order.nowMs - seconds * 1000 });
    expect((await control.send(order, await aged(89))).status).toBe(200);
    expect(await refusalOf(control, order, await aged(90))).toBe(REFUSED);
    expect(reasonOf(control)).toBe('expired');
  });

  it('moves the clock of its session ahead after the machine was suspended, and never back', async () => {
    const { control, session } = await target();
    const order = control.order(session, 'GET', '/agents');
    const signedAfter = (seconds: number): Promise<string> =>
      signPush(control.key, { ...order, nowMs: order.nowMs + seconds * 1000 });
    // The monotonic clock stood still for eight hours; the time of day went on.
    control.clock.wallErrorMs += 8 * 3_600_000;
    expect((await control.send(order, await signedAfter(8 * 3600))).status).toBe(200);
    expect(await refusalOf(control, order, await signedAfter(8 * 3600 - 91))).toBe(REFUSED);
    expect(reasonOf(control)).toBe('expired');
    expect((await control.send(order, await signedAfter(8 * 3600 + 1))).status).toBe(200);
  });

  it('is refused from the future, past the tolerance of 30 s, and moves no clock then', async () => {
    const { control, session } = await target();
    const order = control.order(session, 'GET', '/agents');
    const early = (seconds: number): Promise<string> =>
      signPush(control.key, { ...order, nowMs: order.nowMs + seconds * 1000 });
    expect((await control.send(order, await early(30))).status).toBe(200);
    expect(await refusalOf(control, order, await early(31))).toBe(REFUSED);
    expect((await control.send(order, await signPush(control.key, order))).status).toBe(200);
  });

  it('moves no clock where its signature does not hold', async () => {
    const { control, session } = await target();
    const order = control.order(session, 'GET', '/agents');
    const forged = await signPush(await newKey('active'), { ...order, nowMs: order.nowMs + 8 * 3_600_000 });
    expect(await refusalOf(control, order, forged)).toBe(REFUSED);
    expect((await control.send(order, await signPush(control.key, order))).status).toBe(200);
  });

  it('is refused past its age even where its `exp` is far away', async () => {
    const { control, session } = await target();
    const order = control.order(session, 'GET', '/agents');
    const old = await signPush(
      control.key,
      { ...order, nowMs: order.nowMs - 91_000 },
      { claims: { exp: order.nowMs / 1000 + 9999 } },
    );
    expect(await refusalOf(control, order, old)).toBe(REFUSED);
  });
});

describe('a session that is not held', () => {
  it('is answered to the town, which signed for it: 409 unknown_session', async () => {
    const { control, session } = await target();
    const order = { ...control.order(session, 'GET', '/agents'), audience: sessionId(9) };
    expect(await refusalOf(control, order, await signPush(control.key, order))).toBe('409 unknown_session');
  });

  it('is not shown to any other caller', async () => {
    const { control, session } = await target();
    const order = { ...control.order(session, 'GET', '/agents'), audience: sessionId(9) };
    expect(await refusalOf(control, order, await signPush(await newKey('active'), order))).toBe(REFUSED);
  });

  it('a push whose session ends while it is verified finds it unknown', async () => {
    const { control, session, order, isUntouched } = await target();
    const next = await newKey('active');
    const keys = Promise.withResolvers<Response>();
    control.town.intercept = ({ path }) => (path.endsWith('jwks.json') ? keys.promise : undefined);
    const answer = refusalOf(control, order, await signPush(next, order));
    await expect.poll(() => control.town.count('jwks.json')).toBe(1);
    expect(await isUntouched()).toBe(true);
    await control.opened({ ...session, id: sessionId(9), epoch: 9 });
    keys.resolve(Response.json(keySetOf(control.key, next)));
    expect(await answer).toBe('409 unknown_session');
  });

  it('A-26: an earlier run’s session and boot mean nothing to the next run', async () => {
    const { control, session, order } = await target();
    const next = await TestControlServer.make({ key: control.key, clock: control.clock, town: control.town });
    expect(await refusalOf(next, order, await signPush(control.key, order))).toBe('409 unknown_session');
    const body = {
      version: 1,
      container: session.container,
      session: session.id,
      epoch: 1,
      secret: 'x'.repeat(43),
      heartbeat_seconds: 30,
    };
    const opening = { ...control.order(session, 'PUT', '/session', body), audience: control.server.boot };
    expect(await refusalOf(next, opening, await signPush(control.key, opening))).toBe(REFUSED);
  });
});

describe('S-16: forged tokens', () => {
  it('the algorithm `none`', async () => {
    const { control, order, isUntouched } = await target();
    const claims = await claimsOf(order);
    const unsecured = new UnsecuredJWT(claims).encode();
    const header = base64url.encode(JSON.stringify({ alg: 'none', typ: PUSH_TOKEN_TYP, kid: control.key.kid }));
    const [, payload = ''] = unsecured.split('.');
    for (const token of [unsecured, `${header}.${payload}.`, `${header}.${payload}.${'A'.repeat(86)}`]) {
      expect(await refusalOf(control, order, token)).toBe(REFUSED);
    }
    expect(await isUntouched()).toBe(true);
  });

  it('HS256 with the public key as the secret', async () => {
    const { control, order, isUntouched } = await target();
    const publicJwk = publicJwkOf(control.key);
    const publicKey = await importJWK(publicJwk, 'ES256', { extractable: true });
    if (publicKey instanceof Uint8Array) throw new Error('no public key');
    const secrets = [await exportSPKI(publicKey), JSON.stringify(publicJwk), publicJwk.x];
    for (const secret of secrets) {
      const token = await new SignJWT(await claimsOf(order))
        .setProtectedHeader({ alg: 'HS256', typ: PUSH_TOKEN_TYP, kid: control.key.kid })
        .sign(new TextEncoder().encode(secret.padEnd(32, ' ')));
      expect(await refusalOf(control, order, token)).toBe(REFUSED);
    }
    expect(await isUntouched()).toBe(true);
  });

  it('another algorithm under the kid of the right key', async () => {
    const { control, order, isUntouched } = await target();
    for (const alg of ['ES384', 'RS256', 'PS256', 'EdDSA']) {
      const { privateKey } = await generateKeyPair(alg);
      const header = { alg, typ: PUSH_TOKEN_TYP, kid: control.key.kid };
      const token = await new SignJWT(await claimsOf(order)).setProtectedHeader(header).sign(privateKey);
      expect(await refusalOf(control, order, token)).toBe(REFUSED);
    }
    expect(await isUntouched()).toBe(true);
  });

  it('a foreign key under the kid of the right one, and under its own', async () => {
    const { control, order, isUntouched } = await target();
    const foreign = await newKey('active');
    expect(await refusalOf(control, order, await signPush({ ...foreign, kid: control.key.kid }, order))).toBe(REFUSED);
    expect(reasonOf(control)).toBe('bad_signature');
    expect(await refusalOf(control, order, await signPush(foreign, order))).toBe(REFUSED);
    expect(reasonOf(control)).toBe('unknown_key');
    expect(await isUntouched()).toBe(true);
  });

  it('`jwk`, `jku` and `x5u` in the header, and no request goes out for them', async () => {
    const { control, order, isUntouched } = await target();
    const foreign = await newKey('active');
    const jwk = publicJwkOf(foreign);
    const headers = [
      { jwk },
      { jku: 'https://evil.example/jwks.json' },
      { x5u: 'https://evil.example/cert' },
      { x5c: ['AAAA'] },
    ];
    const before = control.town.requests.length;
    for (const header of headers) {
      for (const key of [foreign, { ...foreign, kid: control.key.kid }, control.key]) {
        expect(await refusalOf(control, order, await signPush(key, order, { header }))).toBe(REFUSED);
      }
    }
    expect(control.town.requests).toHaveLength(before);
    expect(await isUntouched()).toBe(true);
  });

  it('a stripped, a foreign and a doubled signature', async () => {
    const { control, order, isUntouched } = await target();
    const [header = '', payload = '', signature = ''] = (await signPush(control.key, order)).split('.');
    const [, , other = ''] = (await signPush(control.key, order)).split('.');
    const forged = [
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `${header}.${payload}.${other}`,
      `${header}.${payload}.${signature}.${signature}`,
    ];
    for (const token of forged) expect(await refusalOf(control, order, token)).toBe(REFUSED);
    expect(await isUntouched()).toBe(true);
  });

  it('another spelling of a right token: one token has one text', async () => {
    const { control, session } = await target();
    const order = control.order(session, 'GET', '/agents');
    for (let tries = 0; tries < 8; tries += 1) {
      const token = await signPush(control.key, order);
      const last = 'AQgw'.indexOf(token.at(-1) ?? '');
      const respelled = `${token.slice(0, -1)}${'BRhx'.charAt(last)}`;
      expect(await refusalOf(control, order, respelled)).toBe(REFUSED);
      expect(await refusalOf(control, order, `${token}=`)).toBe(REFUSED);
      expect((await control.send(order, token)).status).toBe(200);
    }
  });

  it('a token of 64 KiB', async () => {
    const { control, order, isUntouched } = await target();
    const token = await signPush(control.key, order, { claims: { pad: 'x'.repeat(48 * 1024) } });
    expect(token.length).toBeGreaterThan(64 * 1024);
    expect(await refusalOf(control, order, token)).toBe('413 payload_too_large');
    expect(await isUntouched()).toBe(true);
  });

  it('3,000 mutated tokens: none is accepted, all get one answer', async () => {
    const { control, order, isUntouched } = await target();
    const token = await signPush(control.key, order);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.+/=~ ';
    const answers = new Set<string>();
    for (let seed = 1; seed <= 3000; seed += 1) {
      const at = (seed * 7919) % token.length;
      const letter = alphabet.charAt((seed * 104_729) % alphabet.length);
      const replaced = `${token.slice(0, at)}${letter}${token.slice(at + 1)}`;
      const mutated =
        [replaced, `${token.slice(0, at)}${token.slice(at + 1)}`, `${token.slice(0, at)}${letter}${token.slice(at)}`][
          seed % 3
        ] ?? '';
      if (mutated.trim() !== token) answers.add(await refusalOf(control, order, mutated));
    }
    expect([...answers]).toEqual([REFUSED]);
    expect(await isUntouched()).toBe(true);
    expect((await control.send(order, token)).status).toBe(200);
  });
});

describe('what a refused push leaves behind', () => {
  it('a forged body does not spend the genuine token', async () => {
    const { control, order } = await target();
    const token = await signPush(control.key, order);
    expect(await refusalOf(control, { ...order, body: '{"inc":9}' }, token)).toBe(REFUSED);
    expect((await control.send(order, token)).status).toBe(200);
  });

  it('T6: no log line holds a token', async () => {
    const { control, order } = await target();
    const tokens = [
      await signPush(await newKey('active'), order),
      await signPush(control.key, order, { claims: { htm: 'PUT' } }),
    ];
    for (const token of tokens) await control.send(order, token);
    for (const token of tokens) expect(control.log.text()).not.toContain(token.split('.')[2]);
  });
});
