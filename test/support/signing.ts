/** Signs what a town would sign, and what it never would: claims of both kinds, with any key and with none. */
import { SignJWT, UnsecuredJWT, type JWTHeaderParameters } from 'jose';
import {
  AGENT_TOKEN_TYP,
  CLOCK_TOLERANCE_SECONDS,
  PUSH_TOKEN_TTL_SECONDS,
  PUSH_TOKEN_TYP,
  TOKEN_ALG,
  spiffeId,
  splitContainerName,
  type AgentId,
  type ContainerName,
  type TownId,
} from '#protocol';
import { base64url, randomBytes, sha256 } from '../../src/lib/secret.ts';
import type { PrivateKey } from '../../src/tokens/key-set.ts';

/** Lifetime of an agent token where a test says nothing else: the default of `TOKEN_TTL_SECONDS`. */
export const AGENT_TOKEN_TTL_SECONDS = 10_800;

/** Claims of any token, as they are signed. An undefined one is left out. */
export type Claims = Readonly<Record<string, unknown>>;

/** What a test changes of a token that is right otherwise. An undefined claim or header is left out. */
export interface TokenChanges {
  readonly claims?: Claims;
  readonly header?: Readonly<Record<string, unknown>>;
}

/** The deployment that a token says it comes from, and when. The trust domain is the host of `publicUrl`. */
export interface Origin {
  readonly publicUrl: string;
  readonly nowMs: number;
}

/** An origin that can sign. */
export interface Signer extends Origin {
  readonly key: PrivateKey;
}

/** Whom an agent token speaks for. `scope` has the form of the claim: names separated by spaces. */
export interface Speaker {
  readonly town: TownId;
  readonly agent: AgentId;
  readonly inc: number;
  readonly gen: number;
  readonly scope: string;
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

/** The claims of a good agent token, with what a test changes. */
export function agentTokenClaims(from: Origin, { town, agent, inc, gen, scope }: Speaker, changes: Claims = {}) {
  const { publicUrl } = from;
  return {
    iss: publicUrl,
    aud: publicUrl,
    sub: spiffeId(new URL(publicUrl).host, town, agent),
    client_id: agent,
    town,
    agent,
    inc,
    gen,
    scope,
    ...times(from, AGENT_TOKEN_TTL_SECONDS),
    ...changes,
  };
}

/** The claims of a good push token for this one request, with what a test changes. */
export async function pushTokenClaims(from: Origin, push: Push, changes: Claims = {}) {
  const { town } = splitContainerName(push.container);
  return {
    iss: from.publicUrl,
    aud: push.audience,
    sub: `spiffe://${new URL(from.publicUrl).host}/town/${town}`,
    town,
    container: push.container,
    htm: push.method,
    htu: push.path,
    bsha: await sha256(push.body),
    ...times(from, PUSH_TOKEN_TTL_SECONDS),
    ...changes,
  };
}

export async function signAgentToken(by: Signer, speaker: Speaker, changes: TokenChanges = {}): Promise<string> {
  return sign(by.key, agentTokenClaims(by, speaker, changes.claims), changes.header);
}

export async function signPushToken(by: Signer, push: Push, changes: TokenChanges = {}): Promise<string> {
  const claims = await pushTokenClaims(by, push, changes.claims);
  return sign(by.key, claims, { typ: PUSH_TOKEN_TYP, ...changes.header });
}

/** Signs any claims with any key; an undefined claim or header is left out. Without a `typ` it is an agent token's. */
export async function sign(
  key: PrivateKey,
  claims: Claims,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const protectedHeader: JWTHeaderParameters = { alg: TOKEN_ALG, typ: AGENT_TOKEN_TYP, kid: key.kid, ...header };
  return new SignJWT({ ...claims }).setProtectedHeader(protectedHeader).sign(key);
}

/** The same claims with the algorithm `none`, and with HS256 under the text of the public key: neither needs its private half. */
export async function signWithoutKey(
  { kid, x, y }: PrivateKey,
  claims: Claims,
  typ: string,
): Promise<{ none: string; hs256: string }> {
  const { payload } = partsOf(new UnsecuredJWT({ ...claims }).encode());
  const secret = new TextEncoder().encode(JSON.stringify({ kty: 'EC', crv: 'P-256', x, y }));
  const hs256 = new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256', typ, kid });
  return { none: `${encodeJson({ alg: 'none', typ, kid })}.${payload}.`, hs256: await hs256.sign(secret) };
}

/** Text of a JSON value in base64url: the form of a token's first two parts. */
export const encodeJson = (value: unknown): string => base64url(new TextEncoder().encode(JSON.stringify(value)));

/** The three parts of a token. */
export function partsOf(token: string): { header: string; payload: string; signature: string } {
  const [header = '', payload = '', signature = ''] = token.split('.');
  return { header, payload, signature };
}

function times({ nowMs }: Origin, ttlSeconds: number) {
  const iat = Math.floor(nowMs / 1000);
  return { iat, nbf: iat - CLOCK_TOLERANCE_SECONDS, exp: iat + ttlSeconds, jti: base64url(randomBytes(16)) };
}
