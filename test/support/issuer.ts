/** An issuer with real keys, and tokens that differ from a good one in exactly what a test changes. */
import { SignJWT, importJWK, type CryptoKey, type JWTHeaderParameters } from 'jose';
import { AGENT_TOKEN_TYP, TOKEN_ALG, spiffeId } from '#protocol';
import { newKey } from '../../src/tokens/key-edit.ts';
import { KeyRing } from '../../src/tokens/key-ring.ts';
import type { PrivateKey, PrivateKeySet } from '../../src/tokens/key-set.ts';
import type { AgentTokenOrder, Issuer } from '../../src/tokens/mint.ts';
import { agentId, townId } from './ids.ts';

/** The time of every test that needs one: noon of a day in the future. */
export const NOW_MS = Date.UTC(2030, 0, 1, 12);
export const NOW_S = NOW_MS / 1000;
export const PUBLIC_URL = 'https://reeve.example.com';
export const TTL_S = 10_800;

export interface TestIssuer extends Issuer {
  readonly keys: PrivateKeySet;
}

/** An issuer over these keys; by default one active key. */
export async function makeIssuer(keys?: readonly PrivateKey[]): Promise<TestIssuer> {
  const set = { keys: [...(keys ?? [await newKey('active')])] };
  return {
    keys: set,
    ring: await KeyRing.import(set),
    publicUrl: PUBLIC_URL,
    trustDomain: 'reeve.example.com',
    ttlSeconds: TTL_S,
  };
}

/** An order for an agent's token, with what a test changes. */
export const orderOf = (changes: Partial<AgentTokenOrder> = {}): AgentTokenOrder => ({
  town: townId(1),
  agent: agentId(1),
  inc: 1,
  gen: 1,
  scopes: ['heartbeat', 'events'],
  ...changes,
});

/** The claims of a good agent token at `NOW_MS`. */
export function agentClaims(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const town = townId(1);
  const agent = agentId(1);
  return {
    iss: PUBLIC_URL,
    aud: PUBLIC_URL,
    sub: spiffeId('reeve.example.com', town, agent),
    client_id: agent,
    town,
    agent,
    inc: 1,
    gen: 1,
    scope: 'heartbeat events',
    iat: NOW_S,
    nbf: NOW_S - 30,
    exp: NOW_S + TTL_S,
    jti: 'test-token-0001',
    ...changes,
  };
}

/** The private half of a key, for signing what Reeve itself would not. */
export async function privateKeyOf({ kty, crv, x, y, d }: PrivateKey): Promise<CryptoKey> {
  const key = await importJWK({ kty, crv, x, y, d }, TOKEN_ALG);
  if (key instanceof Uint8Array) throw new TypeError('an EC key is no byte string');
  return key;
}

/** Signs any claims with any key; an undefined claim or header is left out. */
export async function sign(
  key: PrivateKey,
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const protectedHeader: JWTHeaderParameters = { alg: TOKEN_ALG, typ: AGENT_TOKEN_TYP, kid: key.kid, ...header };
  return new SignJWT({ ...claims }).setProtectedHeader(protectedHeader).sign(await privateKeyOf(key));
}

/** The key of a set that signs. */
export function activeKey({ keys }: PrivateKeySet): PrivateKey {
  const active = keys.find((key) => key.reeve_state === 'active');
  if (active === undefined) throw new Error('a set has an active key');
  return active;
}

/** Text of a JSON value in base64url: the form of a token's first two parts. */
export const encodeJson = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The three parts of a token. */
export function partsOf(token: string): { header: string; payload: string; signature: string } {
  const [header = '', payload = '', signature = ''] = token.split('.');
  return { header, payload, signature };
}
