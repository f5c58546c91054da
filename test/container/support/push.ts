/** Signs and sends pushes as the town does, with real keys, at a time that a test knows. */
import type { ContainerName } from '#protocol';
import { publicKeySetSchema, type PublicKeySet } from '../../../container/config.ts';
import type { PrivateKey, PublicKey } from '../../../src/tokens/key-set.ts';
import { pushTokenClaims, signPushToken, type Claims, type Push, type TokenChanges } from '../../support/signing.ts';
import { TOWN_URL } from './fake-town-api.ts';

/** A key as the town publishes it. */
export const publicJwkOf = ({ kty, crv, x, y, kid, alg, use }: PrivateKey): PublicKey => {
  return { kty, crv, x, y, kid, alg, use };
};

export function keySetOf(...keys: readonly PrivateKey[]): PublicKeySet {
  return publicKeySetSchema.parse({ keys: keys.map(publicJwkOf) });
}

/** One request to a control server, and when it is signed. */
export interface PushOrder extends Push {
  readonly nowMs: number;
}

export function claimsOf(order: PushOrder): Promise<Claims> {
  return pushTokenClaims({ publicUrl: TOWN_URL, nowMs: order.nowMs }, order);
}

/** A push token for this one request. */
export function signPush(key: PrivateKey, order: PushOrder, changes: TokenChanges = {}): Promise<string> {
  return signPushToken({ key, publicUrl: TOWN_URL, nowMs: order.nowMs }, order, changes);
}

/** The request that carries the token. */
export function pushRequest(order: PushOrder, token: string): Request {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const init = { method: order.method, headers };
  return new Request(`http://control.example${order.path}`, order.body === '' ? init : { ...init, body: order.body });
}

/** What sends requests of the town at `issuer` to the control server at an address. */
export const sendTo =
  (address: string, key: PrivateKey, issuer: string, container: ContainerName) =>
  async (audience: string, method: string, path: string, json?: unknown): Promise<Response> => {
    const body = json === undefined ? '' : JSON.stringify(json);
    const order = { audience, container, method, path, body, nowMs: Date.now() };
    const token = await signPush(key, order, { claims: { iss: issuer } });
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    return fetch(`${address}${path}`, body === '' ? { method, headers } : { method, headers, body });
  };
