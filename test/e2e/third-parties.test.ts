/**
 * Tokens for third parties, on a whole stack: exchanged over HTTP, and verified by libraries that are no part of Reeve and are given
 * the discovery address alone.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXCHANGE_GRANT, JWT_TYPE, spiffeId, type AgentView, type TownId } from '#protocol';
import { openTown } from '../../agent/index.ts';
import { ApiClient } from '../../scripts/api-client.ts';
import { freePort } from '../../scripts/ports.ts';
import { newKey } from '../../src/tokens/key-edit.ts';
import { privateKeySetSchema, type PrivateKey } from '../../src/tokens/key-set.ts';
import { encodeJson, partsOf, sign } from '../support/signing.ts';
import { activeKey } from '../support/issuer.ts';
import { endAll, run, tokenIn, untilPrinted } from './support/command.ts';
import { migratedFolder } from './support/migrated.ts';

const PATIENCE_SECONDS = 40;
const AUDIENCE = 'https://third.example';
const ANOTHER = 'https://fourth.example';
/** The stack is on loopback, without TLS. */
const PLAIN = { [oauth.allowInsecureRequests]: true };
const stateDir = migratedFolder('reeve-third-parties-');
/** A Python that has PyJWT and what it needs for ES256, or null. */
const PYTHON = ['python3', '/usr/bin/python3'].find(hasPyJwt) ?? null;
if (PYTHON === null) process.stdout.write('No Python with PyJWT and cryptography: their verdict is left out.\n');

let issuer: string;
let person: string;
let api: ApiClient;
let town: TownId;
let agent: AgentView;

beforeAll(async () => {
  const [port, container] = [await freePort(), await freePort()];
  issuer = `http://127.0.0.1:${port}`;
  const ports = { PORT: String(port), CONTAINER_PORT: String(container) };
  await untilPrinted(run('npm', ['start'], { REEVE_STATE_DIR: stateDir, ...ports }), `reeve ready: ${issuer}`);
  person = tokenIn(stateDir);
  api = new ApiClient(issuer, person);
  town = (await api.createTown('abroad')) as TownId;
  await api.allowAudiences(town, [AUDIENCE, ANOTHER]);
  const program = join(import.meta.dirname, '../../examples/hello.ts');
  const runtime = { command: process.execPath, args: [program], credentials: 'file' };
  agent = await api.createAgent(town, 'ada', { role: 'mayor', runtime });
  await api.until(town, 'ada', await api.send(town, 'ada', 'hello'), 'done', PATIENCE_SECONDS);
});

afterAll(async () => {
  await endAll();
  rmSync(stateDir, { recursive: true, force: true });
});

function hasPyJwt(command: string): boolean {
  return spawnSync(command, ['-c', 'import jwt, cryptography'], { timeout: 20_000 }).status === 0;
}

/** Where the agent finds its own token. */
function ownTokenFile(): string {
  const files = readdirSync(join(stateDir, 'agents'), { recursive: true, encoding: 'utf8' });
  const found = files.find((file) => /(?:^|\/)token-\d+$/.test(file));
  if (found === undefined) throw new Error(`no token among ${files.join(' ')}`);
  return join(stateDir, 'agents', found);
}

/** As the agent's own process does it. */
async function tokenFor(audience: string): Promise<string> {
  const ada = openTown({ environment: { REEVE_TOKEN_FILE: ownTokenFile(), REEVE_API_URL: issuer } });
  return ada.tokenFor(audience).finally(() => ada.close());
}

/** The key with which the stack signs. */
function stackKey(): PrivateKey {
  const settings = ['dev.env', 'worker.env'].map((name) => readFileSync(join(stateDir, name), 'utf8')).join('\n');
  const text = /^SIGNING_KEYS='(.+)'$/m.exec(settings)?.[1] ?? '';
  return activeKey(privateKeySetSchema.parse(JSON.parse(text)));
}

/** A good token, and what comes of it when it is made worse in one way. */
async function tokens(): Promise<Record<string, string>> {
  const good = await tokenFor(AUDIENCE);
  const claims = decodeJwt(good);
  const { header, signature } = partsOf(good);
  const now = Math.floor(Date.now() / 1000);
  const key = stackKey();
  const typ = { typ: 'JWT' };
  return {
    good,
    expired: await sign(key, { ...claims, iat: now - 3700, nbf: now - 3730, exp: now - 100 }, typ),
    altered: `${header}.${encodeJson({ ...claims, sub: 'spiffe://elsewhere/agent' })}.${signature}`,
    'for another audience': await tokenFor(ANOTHER),
    'of a swapped key': await sign({ ...(await newKey('active')), kid: key.kid }, claims, typ),
    'of an unknown key': await sign(await newKey('active'), claims, typ),
  };
}

/** Of the discovery address alone. */
const discover = async (): Promise<oauth.AuthorizationServer> => {
  const address = new URL(issuer);
  return oauth.processDiscoveryResponse(address, await oauth.discoveryRequest(address, PLAIN));
};

/** As a relying party of OpenID Connect takes an ID token: its claims, and its signature by the published keys. */
async function verdictOf(token: string): Promise<string> {
  const as = await discover();
  const response = Response.json({ access_token: 'none', token_type: 'bearer', id_token: token });
  try {
    await oauth.processAuthorizationCodeResponse(as, { client_id: AUDIENCE }, response);
    await oauth.validateApplicationLevelSignature(as, response, PLAIN);
    return 'accepted';
  } catch (thrown) {
    if (thrown instanceof oauth.OperationProcessingError) return thrown.code ?? thrown.name;
    throw thrown;
  }
}

describe('an exchanged token', () => {
  it('is accepted by oauth4webapi, which is given the discovery address; worse ones are refused', async () => {
    const verdicts: Record<string, string> = {};
    for (const [name, token] of Object.entries(await tokens())) verdicts[name] = await verdictOf(token);
    expect(verdicts).toEqual({
      good: 'accepted',
      expired: oauth.JWT_TIMESTAMP_CHECK,
      altered: oauth.INVALID_RESPONSE,
      'for another audience': oauth.JWT_CLAIM_COMPARISON,
      'of a swapped key': oauth.INVALID_RESPONSE,
      'of an unknown key': oauth.KEY_SELECTION,
    });
  });

  it.skipIf(PYTHON === null)(
    'is accepted by PyJWT in Python, which is given the same; worse ones are refused',
    async () => {
      const input = JSON.stringify({ issuer, audience: AUDIENCE, tokens: await tokens() });
      const script = join(import.meta.dirname, 'support/verify.py');
      const { status, stdout, stderr } = spawnSync(PYTHON ?? '', [script], {
        input,
        encoding: 'utf8',
        timeout: 60_000,
      });
      expect([status, stderr]).toEqual([0, '']);
      expect(JSON.parse(stdout)).toEqual({
        good: 'accepted',
        expired: 'ExpiredSignatureError',
        altered: 'InvalidSignatureError',
        'for another audience': 'InvalidAudienceError',
        'of a swapped key': 'InvalidSignatureError',
        'of an unknown key': 'PyJWKClientError',
      });
    },
  );

  it('is got, asked about and ended by an OAuth client that knows the discovery address', async () => {
    const as = await discover();
    const client = { client_id: agent.id };
    const own = readFileSync(ownTokenFile(), 'utf8').trim();
    const order = { subject_token: own, subject_token_type: JWT_TYPE, audience: AUDIENCE };
    const asked = await oauth.genericTokenEndpointRequest(as, client, oauth.None(), EXCHANGE_GRANT, order, PLAIN);
    const { access_token: token } = await oauth.processGenericTokenEndpointResponse(as, client, asked);
    expect(await verdictOf(token)).toBe('accepted');
    const bearer =
      (text: string): oauth.ClientAuth =>
      (_as, _client, _body, headers) =>
        headers.set('authorization', `Bearer ${text}`);
    const introspect = async () => {
      const answer = await oauth.introspectionRequest(as, client, bearer(person), token, PLAIN);
      return oauth.processIntrospectionResponse(as, client, answer);
    };
    expect(await introspect()).toMatchObject({ active: true, sub: spiffeId(new URL(issuer).hostname, town, agent.id) });
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, bearer(own), token, PLAIN));
    expect(await introspect()).toEqual({ active: false });
    const wrong = await oauth.genericTokenEndpointRequest(
      as,
      client,
      oauth.None(),
      EXCHANGE_GRANT,
      { ...order, audience: 'https://not.example' },
      PLAIN,
    );
    await expect(oauth.processGenericTokenEndpointResponse(as, client, wrong)).rejects.toMatchObject({
      error: 'invalid_target',
      status: 400,
    });
  });
});
