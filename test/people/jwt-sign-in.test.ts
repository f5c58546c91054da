/** People who sign in with tokens of an issuer that is reached over HTTP, as it is there. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import type { Claims } from '../support/signing.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { accessIssuer, jwtAuthenticator, oidcIssuer, type JwtIssuer } from '../../src/people/jwt-sign-in.ts';
import { SignInUnavailable } from '../../src/people/person.ts';

const NOW_S = 1_900_000_000;
const AUDIENCE = 'reeve';
type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;

let server: Server;
let issuer: string;
let keys: Map<string, KeyPair>;
let document: object;
let status = 200;
let asked: string[];

beforeEach(async () => {
  keys = new Map([['first', await generateKeyPair('ES256')]]);
  asked = [];
  status = 200;
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    void (request.url === '/jwks' ? jwks() : Promise.resolve(document)).then((answer) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  document = { issuer, jwks_uri: `${issuer}/jwks` };
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

const jwks = async (): Promise<object> => ({
  keys: await Promise.all([...keys].map(async ([kid, { publicKey }]) => ({ ...(await exportJWK(publicKey)), kid }))),
});

const people = (from: JwtIssuer = oidcIssuer(issuer, AUDIENCE)) => jwtAuthenticator(from, () => NOW_S * 1000);

async function token(claims: Claims = {}, kid = 'first', pair = keys.get(kid)): Promise<string> {
  if (pair === undefined) throw new Error(`no key ${kid}`);
  const all = { iss: issuer, aud: AUDIENCE, sub: 'ada', iat: NOW_S, exp: NOW_S + 600, ...claims };
  return new SignJWT(all).setProtectedHeader({ alg: 'ES256', kid }).sign(pair.privateKey);
}

describe('a token of an OpenID provider', () => {
  test('is the person that it names, until it expires', async () => {
    expect(await people().authenticate(await token())).toEqual({
      id: 'oidc:ada',
      endsAtMs: (NOW_S + 600) * 1000,
      scope: 'admin',
      key: null,
    });
  });

  test.each([
    ['within a second', NOW_S + 600.123_456_7, (NOW_S + 600) * 1000 + 123],
    ['in milliseconds by mistake', (NOW_S + 600) * 1e6, Date.parse('9999-12-31T23:59:59.999Z')],
  ])('that names its end %s ends at a time that can be stored and written', async (_, exp, endsAtMs) => {
    expect(await people().authenticate(await token({ exp }))).toMatchObject({ id: 'oidc:ada', endsAtMs });
  });

  test.each<[string, Claims]>([
    ['for another audience', { aud: 'other' }],
    ['for no audience', { aud: undefined }],
    ['of another issuer', { iss: 'https://elsewhere.example' }],
    ['that expired more than a minute ago', { exp: NOW_S - 61 }],
    ['without an end', { exp: undefined }],
    ['that is not valid yet', { nbf: NOW_S + 61 }],
    ['of a person without a name', { sub: undefined }],
    ['of a person whose name is empty', { sub: '' }],
    ['of a person whose name has a line break', { sub: 'ada\nbob' }],
    ['of a person with a name of 256 characters', { sub: 'a'.repeat(256) }],
  ])('%s is no person', async (_, claims) => {
    expect(await people().authenticate(await token(claims))).toBeNull();
  });

  test('with another key, or with none, is no person', async () => {
    const stranger = await generateKeyPair('ES256');
    expect(await people().authenticate(await token({}, 'first', stranger))).toBeNull();
    const [, claims = ''] = (await token()).split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    expect(await people().authenticate(`${none}.${claims}.`)).toBeNull();
    const symmetric = await new SignJWT({ iss: issuer, aud: AUDIENCE, sub: 'ada', iat: NOW_S, exp: NOW_S + 9 })
      .setProtectedHeader({ alg: 'HS256', kid: 'first' })
      .sign(new TextEncoder().encode(JSON.stringify(await jwks())));
    expect(await people().authenticate(symmetric)).toBeNull();
  });

  test('of a rotated key is accepted once the issuer shows it, and the keys are fetched once for many', async () => {
    const known = people();
    for (let nth = 0; nth < 5; nth += 1) expect(await known.authenticate(await token())).not.toBeNull();
    expect(asked).toEqual(['/.well-known/openid-configuration', '/jwks']);
  });

  test('cannot be judged while the issuer is down, which is no refusal; afterwards it can', async () => {
    const known = people();
    status = 503;
    await expect(known.authenticate(await token())).rejects.toThrow(SignInUnavailable);
    status = 200;
    expect(await known.authenticate(await token())).not.toBeNull();
  });

  test('is not judged by the document of another issuer', async () => {
    document = { issuer: 'https://elsewhere.example', jwks_uri: `${issuer}/jwks` };
    await expect(people().authenticate(await token())).rejects.toThrow(SignInUnavailable);
  });

  test('asks no server where the text is no token of this issuer', async () => {
    for (const text of ['', 'a.b.c', 'reeve_x', await token({ iss: 'https://elsewhere.example' })]) {
      expect(await people().authenticate(text), text).toBeNull();
    }
    expect(asked).toEqual([]);
  });
});

describe('a token of Cloudflare Access', () => {
  const access = (): JwtIssuer => ({
    ...accessIssuer('team.cloudflareaccess.com', AUDIENCE),
    issuer,
    jwksUri: `${issuer}/jwks`,
  });

  test('is a person, or a service token by its name', async () => {
    expect(await people(access()).authenticate(await token({ sub: '7f2c' }))).toMatchObject({ id: 'access:7f2c' });
    const service = await token({ sub: '', common_name: 'ci.access' });
    expect(await people(access()).authenticate(service)).toMatchObject({ id: 'access-service:ci.access' });
  });

  test('is checked by the keys of its team', () => {
    expect(accessIssuer('team.cloudflareaccess.com', AUDIENCE)).toMatchObject({
      issuer: 'https://team.cloudflareaccess.com',
      jwksUri: 'https://team.cloudflareaccess.com/cdn-cgi/access/certs',
    });
  });
});
