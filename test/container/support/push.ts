/** Signs pushes as the town does, with real keys. */
import { SignJWT, calculateJwkThumbprint, exportJWK, generateKeyPair, type CryptoKey, type JWK } from 'jose';
import { PUSH_TOKEN_TTL_SECONDS, PUSH_TOKEN_TYP, TOKEN_ALG, splitContainerName, type ContainerName } from '#protocol';
import type { PublicKeySet } from '../../../container/config.ts';
import { publicKeySetSchema } from '../../../container/config.ts';
import { TOWN_URL } from './fake-town.ts';

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

export async function makeSigningKey(): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(TOKEN_ALG, { extractable: true });
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return { kid, privateKey, publicJwk: { ...jwk, kid, alg: TOKEN_ALG, use: 'sig' } };
}

export function keySetOf(...keys: readonly SigningKey[]): PublicKeySet {
  return publicKeySetSchema.parse({ keys: keys.map(({ publicJwk }) => publicJwk) });
}

/** One request to a control server. */
export interface PushOrder {
  readonly audience: string;
  readonly container: ContainerName;
  readonly method: string;
  readonly path: string;
  /** JSON text; empty for none. */
  readonly body: string;
  readonly nowMs: number;
}

/** What a test changes about an otherwise valid token. An undefined claim or header is left out. */
export interface PushChanges {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

let lastJti = 0;

export async function claimsOf(order: PushOrder, changes: PushChanges = {}): Promise<Record<string, unknown>> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(order.body));
  const iat = Math.floor(order.nowMs / 1000);
  const { town } = splitContainerName(order.container);
  lastJti += 1;
  return {
    iss: TOWN_URL,
    aud: order.audience,
    sub: `spiffe://town.example/town/${town}`,
    town,
    container: order.container,
    htm: order.method,
    htu: order.path,
    bsha: Buffer.from(digest).toString('base64url'),
    iat,
    nbf: iat - 30,
    exp: iat + PUSH_TOKEN_TTL_SECONDS,
    jti: `push-${lastJti}-0000`,
    ...changes.claims,
  };
}

/** A push token for this one request. */
export async function signPush(key: SigningKey, order: PushOrder, changes: PushChanges = {}): Promise<string> {
  const claims = await claimsOf(order, changes);
  const header = { alg: TOKEN_ALG, typ: PUSH_TOKEN_TYP, kid: key.kid, ...changes.header };
  return new SignJWT(claims).setProtectedHeader(header).sign(key.privateKey);
}

/** The request that carries the token. */
export function pushRequest(order: PushOrder, token: string): Request {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const init = { method: order.method, headers };
  return new Request(`http://box.example${order.path}`, order.body === '' ? init : { ...init, body: order.body });
}
