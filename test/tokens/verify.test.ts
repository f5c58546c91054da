import { SignJWT, UnsecuredJWT, exportSPKI, generateKeyPair } from 'jose';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MAX_AUTHORIZATION_BYTES } from '#protocol';
import { newKey } from '../../src/tokens/key-edit.ts';
import { publicKeys } from '../../src/tokens/key-set.ts';
import { mintAgentToken, mintPushToken } from '../../src/tokens/mint.ts';
import { verifyAgentToken, verifyExpired } from '../../src/tokens/verify.ts';
import { agentId, containerName, sessionId, townId } from '../support/ids.ts';
import { NOW_MS, NOW_S, PUBLIC_URL, activeKey, agentClaims, makeIssuer, orderOf } from '../support/issuer.ts';
import { AGENT_TOKEN_TTL_SECONDS, encodeJson, partsOf, sign } from '../support/signing.ts';
import { mutate, sameBytesOtherText } from '../support/mutate.ts';
import { randomFrom } from '../support/random.ts';

const issuer = await makeIssuer();
const key = activeKey(issuer.keys);
const good = (await mintAgentToken(issuer, orderOf(), NOW_MS)).token.reveal();

const verify = (token: string, nowMs = NOW_MS) => verifyAgentToken(issuer, token, nowMs);
const signed = (changes: Readonly<Record<string, unknown>>, header: Readonly<Record<string, unknown>> = {}) =>
  sign(key, agentClaims(changes), header);

/** Verified side by side, so that the work of many tokens shares the cores. */
const BATCH = 250;

beforeEach(() => {
  vi.stubGlobal('fetch', () => {
    throw new Error('the Worker verifies without asking any server');
  });
});
afterEach(() => vi.unstubAllGlobals());

describe('an agent token', () => {
  test('that was minted here is accepted, with its claims and its key', async () => {
    const verified = await verify(good);
    expect(verified).toMatchObject({
      ok: true,
      value: { kid: key.kid, claims: { town: townId(1), agent: agentId(1), inc: 1, gen: 1, iss: PUBLIC_URL } },
    });
  });

  test('lives from 30 s before its time to 30 s after its end, and not a second longer', async () => {
    const token = await signed({});
    const at = async (second: number) => (await verify(token, (NOW_S + second) * 1000)).ok;
    expect(await at(-30)).toBe(true);
    expect(await at(-31)).toBe(false);
    expect(await at(AGENT_TOKEN_TTL_SECONDS + 29)).toBe(true);
    expect(await verify(token, (NOW_S + AGENT_TOKEN_TTL_SECONDS + 30) * 1000)).toEqual({ ok: false, error: 'expired' });
  });

  test('that has expired says whose it is for a day, where it is good but for that; one that is forged says nothing', async () => {
    const after = (seconds: number) => (NOW_S + AGENT_TOKEN_TTL_SECONDS + seconds) * 1000;
    const whose = async (token: string, nowMs = after(31), by = issuer) =>
      (await verifyExpired(by, token, nowMs))?.claims.agent ?? null;
    expect([await whose(good), await whose(good, after(86_400))]).toEqual([agentId(1), agentId(1)]);
    expect(await whose(good, after(86_401))).toBeNull();
    const forged = await sign(await newKey('active'), agentClaims({}), { kid: key.kid });
    const [header = '', , signature = ''] = good.split('.');
    const altered = `${header}.${encodeJson({ ...agentClaims({}), agent: agentId(2) })}.${signature}`;
    const untrue = await signed({ agent: agentId(2) });
    for (const token of [forged, altered, untrue, 'x', '']) expect(await whose(token), token).toBeNull();
    const tainted = await makeIssuer([{ ...key, reeve_state: 'tainted' }, await newKey('active')]);
    expect(await whose(good, after(31), tainted)).toBeNull();
  });

  test('W-31: is refused without any one of iss, aud, sub, iat, nbf, exp and jti', async () => {
    for (const claim of ['iss', 'aud', 'sub', 'iat', 'nbf', 'exp', 'jti']) {
      expect(await verify(await signed({ [claim]: undefined })), claim).toEqual({ ok: false, error: 'bad_claims' });
    }
  });

  test('W-31: is refused without typ, or with any other than at+jwt', async () => {
    for (const typ of [undefined, 'JWT', 'jwt', 'town-push+jwt', 'application/jwt', '']) {
      expect(await verify(await signed({}, { typ })), String(typ)).toMatchObject({ ok: false });
    }
  });

  test('is refused without any one of the claims that name its agent', async () => {
    for (const claim of ['client_id', 'town', 'agent', 'inc', 'gen', 'scope']) {
      expect(await verify(await signed({ [claim]: undefined })), claim).toEqual({ ok: false, error: 'bad_claims' });
    }
  });

  test('is refused where its claims contradict each other or are out of shape', async () => {
    const contradictions: Record<string, unknown>[] = [
      { client_id: agentId(2) },
      { agent: agentId(2) },
      { town: townId(2) },
      { sub: `spiffe://reeve.example.com/town/${townId(1)}/agent/${agentId(2)}` },
      { sub: `spiffe://other.example.com/town/${townId(1)}/agent/${agentId(1)}` },
      { inc: 0 },
      { inc: 1.5 },
      { inc: '1' },
      { gen: 0 },
      { jti: 'short' },
      { jti: 'x'.repeat(65) },
      { scope: ['heartbeat'] },
      { aud: [PUBLIC_URL, 'https://other.example.com'] },
    ];
    for (const changes of contradictions) {
      expect(await verify(await signed(changes)), JSON.stringify(changes)).toEqual({ ok: false, error: 'bad_claims' });
    }
  });

  test('is refused for another issuer or audience', async () => {
    for (const claim of ['iss', 'aud']) {
      for (const value of ['https://other.example.com', `${PUBLIC_URL}/`, PUBLIC_URL.toUpperCase(), '']) {
        expect(await verify(await signed({ [claim]: value })), `${claim} ${value}`).toMatchObject({ ok: false });
      }
    }
  });

  test('is refused where it claims to live longer than any token may, or comes from the future', async () => {
    const old = NOW_S - 28_800 - 31;
    expect(await verify(await signed({ iat: old, nbf: old, exp: NOW_S + 60 }))).toMatchObject({ ok: false });
    const later = NOW_S + 31;
    expect(await verify(await signed({ iat: later, nbf: later - 30, exp: later + 60 }))).toMatchObject({ ok: false });
    expect(await verify(await signed({ nbf: later }))).toMatchObject({ ok: false });
  });

  test('of a shorter setting does not end those that are out', async () => {
    const shorter = { ...issuer, ttlSeconds: 900 };
    const token = await signed({});
    expect((await verifyAgentToken(shorter, token, NOW_MS + 3_600_000)).ok).toBe(true);
  });
});

describe('keys', () => {
  test('an old key verifies until it is dropped, a tainted one never, a next one from the start', async () => {
    const keys = await Promise.all([newKey('active'), newKey('next'), newKey('verify'), newKey('tainted')]);
    const many = await makeIssuer(keys);
    const outcomes = await Promise.all(
      keys.map(async (one) => verifyAgentToken(many, await sign(one, agentClaims()), NOW_MS)),
    );
    expect(outcomes.map((outcome) => outcome.ok)).toEqual([true, true, true, false]);
    expect(outcomes[3]).toEqual({ ok: false, error: 'tainted_kid' });
  });

  test('a token that names no key, or one that is not here, is refused as of an unknown key', async () => {
    for (const kid of [undefined, '', 'unknown', `${key.kid} `, '__proto__', 'constructor']) {
      expect(await verify(await signed({}, { kid })), String(kid)).toEqual({ ok: false, error: 'unknown_kid' });
    }
  });
});

describe('S-16: forged tokens', () => {
  test('S-16: alg none is refused, with and without a signature, however it is spelled', async () => {
    const unsecured = new UnsecuredJWT(agentClaims()).encode();
    expect(await verify(unsecured)).toMatchObject({ ok: false });
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
      const header = encodeJson({ alg, typ: 'at+jwt', kid: key.kid });
      expect(await verify(`${header}.${partsOf(good).payload}.`), alg).toMatchObject({ ok: false });
      expect(await verify(`${header}.${partsOf(good).payload}.${partsOf(good).signature}`), alg).toMatchObject({
        ok: false,
      });
    }
  });

  test('S-16: HS256 with the public key as its secret is refused, in each form that the key is public in', async () => {
    const [jwk] = publicKeys(issuer.keys).keys;
    const { publicKey } = await generateKeyPair('ES256', { extractable: true });
    const secrets = [JSON.stringify(jwk), JSON.stringify({ keys: [jwk] }), jwk?.x ?? '', await exportSPKI(publicKey)];
    for (const secret of secrets) {
      const forged = await new SignJWT(agentClaims())
        .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: key.kid })
        .sign(new TextEncoder().encode(secret));
      expect(await verify(forged)).toEqual({ ok: false, error: 'malformed' });
    }
  });

  test('S-16: the wrong algorithm for the key is refused, whatever key signed it', async () => {
    const algorithms = [
      ['ES384', await generateKeyPair('ES384')],
      ['RS256', await generateKeyPair('RS256')],
      ['PS256', await generateKeyPair('PS256')],
      ['EdDSA', await generateKeyPair('EdDSA')],
    ] as const;
    for (const [alg, { privateKey }] of algorithms) {
      const forged = await new SignJWT(agentClaims())
        .setProtectedHeader({ alg, typ: 'at+jwt', kid: key.kid })
        .sign(privateKey);
      expect(await verify(forged), alg).toMatchObject({ ok: false });
    }
    for (const alg of ['ES384', 'RS256', 'HS256', 'es256', 'ES256K']) {
      const header = encodeJson({ alg, typ: 'at+jwt', kid: key.kid });
      expect(await verify(`${header}.${partsOf(good).payload}.${partsOf(good).signature}`), alg).toEqual({
        ok: false,
        error: 'malformed',
      });
    }
  });

  test('S-16: a key that the token brings along is not used: jwk, jku, x5c, x5u', async () => {
    const own = await newKey('active');
    const { kty, crv, x, y } = own;
    const offers: Record<string, unknown>[] = [
      { jwk: { kty, crv, x, y } },
      { jku: 'https://attacker.example.com/jwks.json' },
      { x5u: 'https://attacker.example.com/cert.pem' },
      { x5c: ['MIIB'] },
      { jwk: { kty, crv, x, y }, jku: `${PUBLIC_URL}/.well-known/jwks.json`, x5u: PUBLIC_URL },
    ];
    for (const offer of offers) {
      for (const kid of [own.kid, key.kid, undefined]) {
        expect(await verify(await sign(own, agentClaims(), { ...offer, kid })), JSON.stringify(offer)).toMatchObject({
          ok: false,
        });
      }
    }
  });

  test('S-16: a header with anything beside alg, kid and typ is refused, though its key and its signature are right', async () => {
    expect((await verify(await signed({}, {}))).ok).toBe(true);
    for (const more of [{ jku: PUBLIC_URL }, { x5t: 'AAAA' }, { cty: 'JWT' }, { b64: true }, { iss: PUBLIC_URL }]) {
      expect(await verify(await signed({}, more)), JSON.stringify(more)).toEqual({ ok: false, error: 'malformed' });
    }
  });

  test('S-16: an extension that the verifier does not know is refused where the token calls it critical', async () => {
    const header = encodeJson({ alg: 'ES256', typ: 'at+jwt', kid: key.kid, crit: ['exp'], exp: NOW_S });
    expect(await verify(`${header}.${partsOf(good).payload}.${partsOf(good).signature}`)).toMatchObject({ ok: false });
  });

  test('S-16: a stripped or borrowed signature is refused', async () => {
    const { header, payload, signature } = partsOf(good);
    const other = (await mintAgentToken(issuer, orderOf({ gen: 2 }), NOW_MS)).token.reveal();
    const forged = [
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `${header}..${signature}`,
      `.${payload}.${signature}`,
      `${header}.${payload}.${partsOf(other).signature}`,
      `${header}.${payload}.${'A'.repeat(86)}`,
      `${header}.${payload}.${signature}.${signature}`,
      '',
      '.',
      '..',
    ];
    for (const token of forged) expect(await verify(token), token).toMatchObject({ ok: false });
  });

  test('S-16: one token has one text: no other spelling of the same signature is accepted', async () => {
    const texts = sameBytesOtherText(good);
    expect(texts.length).toBeGreaterThanOrEqual(17);
    for (const text of texts) expect(await verify(text), text.slice(-6)).toMatchObject({ ok: false });
    expect(await verify(` ${good}`)).toMatchObject({ ok: false });
    expect(await verify(`${good}\n`)).toMatchObject({ ok: false });
  });

  test('S-16: a token of 64 KiB is refused without cryptography', async () => {
    const long = await signed({ scope: 'x'.repeat(48 * 1024) });
    expect(long.length).toBeGreaterThan(64 * 1024);
    const verifying = vi.spyOn(crypto.subtle, 'verify');
    expect(await verify(long)).toEqual({ ok: false, error: 'malformed' });
    expect(verifying).not.toHaveBeenCalled();
    verifying.mockRestore();
  });

  test('S-16: a token as long as a header may hold is read, and one of a character more is not', async () => {
    const spare = MAX_AUTHORIZATION_BYTES - (await signed({ scope: '' })).length;
    const ofLength = async (length: number) => {
      const nearly = Array.from({ length: 6 }, (_, nth) => 'x'.repeat(Math.floor((spare * 3) / 4) - 3 + nth));
      const tokens = await Promise.all(nearly.map((scope) => signed({ scope })));
      const found = tokens.find((token) => token.length === length);
      if (found === undefined) throw new Error(`none of these tokens has ${length} characters`);
      return found;
    };
    expect(await verify(await ofLength(MAX_AUTHORIZATION_BYTES))).not.toMatchObject({ error: 'malformed' });
    expect(await verify(await ofLength(MAX_AUTHORIZATION_BYTES + 1))).toMatchObject({ error: 'malformed' });
  });

  test('S-16: of 100,000 mutated tokens none is accepted; a quarter of them only cryptography can tell', async () => {
    const random = randomFrom(20_261_120);
    const reasons = new Map<string, number>();
    for (let nth = 0; nth < 100_000; nth += BATCH) {
      const tokens = Array.from({ length: BATCH }, (_, at) => mutate(good, nth + at, random));
      const verdicts = await Promise.all(tokens.map((token) => verify(token)));
      for (const [at, verdict] of verdicts.entries()) {
        if (verdict.ok) throw new Error(`accepted: ${tokens[at] ?? ''}`);
        reasons.set(verdict.error, (reasons.get(verdict.error) ?? 0) + 1);
      }
    }
    expect([...reasons.values()].reduce((sum, count) => sum + count)).toBe(100_000);
    expect(reasons.get('bad_signature')).toBeGreaterThan(24_000);
  });
});

describe('W-32: tokens of another kind', () => {
  test('W-32: a push token is refused as an agent token, for whatever audience it was signed', async () => {
    for (const audience of [sessionId(1), PUBLIC_URL]) {
      const order = {
        audience,
        town: townId(1),
        container: containerName(1),
        method: 'POST',
        path: '/',
        bodyDigest: 'x',
      };
      expect(await verify(await mintPushToken(issuer, order, NOW_MS)), audience).toMatchObject({ ok: false });
    }
  });

  test('W-32: a push token with every claim of an agent is refused for its typ', async () => {
    expect(await verify(await signed({}, { typ: 'town-push+jwt' }))).toEqual({ ok: false, error: 'bad_claims' });
  });

  test('W-32: an identity token for a third party is refused, though its claims are those of the agent', async () => {
    expect(await verify(await signed({ aud: 'https://third.example.com' }, { typ: 'JWT' }))).toMatchObject({
      ok: false,
    });
    expect(await verify(await signed({}, { typ: 'JWT' }))).toEqual({ ok: false, error: 'bad_claims' });
  });
});
