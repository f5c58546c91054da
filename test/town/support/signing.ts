/** Signs what the town would sign, and what it never would: with its own keys, with others, and with none. */
import { SignJWT, UnsecuredJWT, importJWK, type JWTHeaderParameters } from 'jose';
import {
  AGENT_TOKEN_TYP,
  PUSH_TOKEN_TTL_SECONDS,
  PUSH_TOKEN_TYP,
  TOKEN_ALG,
  spiffeId,
  splitContainerName,
  type AgentId,
  type ContainerName,
  type TownId,
} from '../../../src/protocol/index.ts';
import { base64url, randomBytes, sha256 } from '../../../src/lib/secret.ts';
import { ROLES } from '../../../src/roster/agent.ts';
import { newKey } from '../../../src/tokens/key-edit.ts';
import type { KeyState, PrivateKey } from '../../../src/tokens/key-set.ts';
import { lab } from './lab.ts';
import { PUBLIC_URL, currentKeys } from './wiring.ts';

/** What a test changes of a token that is right otherwise. An undefined claim or header is left out. */
export interface Changes {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  /** Default: the deployment's active key. */
  readonly key?: PrivateKey;
  /** When it is issued, in ms from now. */
  readonly atMs?: number;
}

/** Whom an agent token speaks for. */
export interface Speaker {
  readonly town: TownId;
  readonly agent: AgentId;
  readonly inc: number;
  readonly gen: number;
  readonly scope?: string;
}

/** One request to a control server. */
export interface Push {
  readonly audience: string;
  readonly container: ContainerName;
  readonly method: string;
  readonly path: string;
  /** JSON text; empty for none. */
  readonly body: string;
}

const AGENT_TTL_SECONDS = 10_800;

export async function deployedKey(state: KeyState): Promise<PrivateKey> {
  const key = (await currentKeys()).keys.find((one) => one.reeve_state === state);
  if (key === undefined) throw new Error(`the deployment has no ${state} key`);
  return key;
}

/** A key of nobody: its thumbprint is in no set. */
export const strangersKey = (): Promise<PrivateKey> => newKey('active');

export async function agentToken(speaker: Speaker, changes: Changes = {}): Promise<string> {
  return sign(agentClaims(speaker, changes), AGENT_TOKEN_TYP, changes);
}

export async function pushToken(push: Push, changes: Changes = {}): Promise<string> {
  return sign(await pushClaims(push, changes), PUSH_TOKEN_TYP, changes);
}

/** The same claims with the algorithm `none`, and with HS256 under the text of the public key. */
export async function agentTokensWithoutKey(speaker: Speaker): Promise<{ none: string; hs256: string }> {
  return withoutKey(agentClaims(speaker, {}), AGENT_TOKEN_TYP);
}

export async function pushTokensWithoutKey(push: Push): Promise<{ none: string; hs256: string }> {
  return withoutKey(await pushClaims(push, {}), PUSH_TOKEN_TYP);
}

function agentClaims({ town, agent, inc, gen, scope = ROLES.worker.join(' ') }: Speaker, changes: Changes) {
  const iat = Math.floor((lab.clock.now() + (changes.atMs ?? 0)) / 1000);
  return {
    iss: PUBLIC_URL,
    aud: PUBLIC_URL,
    sub: spiffeId('reeve.test', town, agent),
    client_id: agent,
    town,
    agent,
    inc,
    gen,
    scope,
    ...times(iat, AGENT_TTL_SECONDS),
    ...changes.claims,
  };
}

async function pushClaims({ audience, container, method, path, body }: Push, changes: Changes) {
  const { town } = splitContainerName(container);
  const iat = Math.floor((lab.clock.now() + (changes.atMs ?? 0)) / 1000);
  return {
    iss: PUBLIC_URL,
    aud: audience,
    sub: `spiffe://reeve.test/town/${town}`,
    town,
    container,
    htm: method,
    htu: path,
    bsha: await sha256(body),
    ...times(iat, PUSH_TOKEN_TTL_SECONDS),
    ...changes.claims,
  };
}

function times(iat: number, ttlSeconds: number) {
  return { iat, nbf: iat - 30, exp: iat + ttlSeconds, jti: base64url(randomBytes(16)) };
}

async function sign(claims: Record<string, unknown>, typ: string, changes: Changes): Promise<string> {
  const key = changes.key ?? (await deployedKey('active'));
  const header: JWTHeaderParameters = { alg: TOKEN_ALG, typ, kid: key.kid, ...changes.header };
  const { kty, crv, x, y, d } = key;
  return new SignJWT(claims).setProtectedHeader(header).sign(await importJWK({ kty, crv, x, y, d }, TOKEN_ALG));
}

async function withoutKey(claims: Record<string, unknown>, typ: string): Promise<{ none: string; hs256: string }> {
  const { kid, x, y } = await deployedKey('active');
  const [, payload = ''] = new UnsecuredJWT(claims).encode().split('.');
  const header = base64url(new TextEncoder().encode(JSON.stringify({ alg: 'none', typ, kid })));
  const secret = new TextEncoder().encode(JSON.stringify({ kty: 'EC', crv: 'P-256', x, y }));
  const hs256 = new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ, kid });
  return { none: `${header}.${payload}.`, hs256: await hs256.sign(secret) };
}
