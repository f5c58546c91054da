/** The only place where tokens are made. Sources: RFC 9068 (agent tokens), RFC 7519 (claims). */
import { SignJWT } from 'jose';
import {
  AGENT_TOKEN_TYP,
  CLOCK_TOLERANCE_SECONDS,
  PUSH_TOKEN_TTL_SECONDS,
  PUSH_TOKEN_TYP,
  THIRD_PARTY_TOKEN_TYP,
  TOKEN_ALG,
  spiffeId,
  type AgentId,
  type ContainerName,
  type TownId,
} from '#protocol';
import { Secret, base64url, randomBytes } from '#lib/secret.ts';
import type { KeyRing } from './key-ring.ts';

/** Who issues: the same for every token of one deployment. */
export interface Issuer {
  readonly ring: KeyRing;
  /** `PUBLIC_URL`: `iss` of all tokens and `aud` of agent tokens. */
  readonly publicUrl: string;
  readonly trustDomain: string;
  readonly ttlSeconds: number;
}

/** What one agent token is to say. `gen` is allocated before the token is minted (T2). */
export interface AgentTokenOrder {
  readonly town: TownId;
  readonly agent: AgentId;
  readonly inc: number;
  readonly gen: number;
  readonly scopes: readonly string[];
}

/** A minted token: its text behind a `Secret`, and what may be stored and shown of it. */
export interface MintedToken {
  readonly order: AgentTokenOrder;
  readonly token: Secret;
  readonly jti: string;
  readonly kid: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** Signs one agent token, valid from `nowMs` for the issuer's lifetime. The generation was allocated before (T2). */
export async function mintAgentToken(issuer: Issuer, order: AgentTokenOrder, nowMs: number): Promise<MintedToken> {
  const iat = Math.floor(nowMs / 1000);
  const exp = iat + issuer.ttlSeconds;
  const jti = base64url(randomBytes(16));
  const { kid, key } = issuer.ring.signing;
  const text = await new SignJWT({
    iss: issuer.publicUrl,
    aud: issuer.publicUrl,
    sub: spiffeId(issuer.trustDomain, order.town, order.agent),
    client_id: order.agent,
    town: order.town,
    agent: order.agent,
    inc: order.inc,
    gen: order.gen,
    scope: order.scopes.join(' '),
    iat,
    nbf: iat - CLOCK_TOLERANCE_SECONDS,
    exp,
    jti,
  })
    .setProtectedHeader({ alg: TOKEN_ALG, typ: AGENT_TOKEN_TYP, kid })
    .sign(key);
  return { order, token: new Secret(text), jti, kid, issuedAtMs: iat * 1000, expiresAtMs: exp * 1000 };
}

/** What a token for one third party is to say. It was decided, and written down, before it is minted. */
export interface ThirdPartyOrder {
  readonly town: TownId;
  readonly agent: AgentId;
  readonly audience: string;
  readonly jti: string;
  /** In seconds since the epoch, as in the token. */
  readonly iat: number;
  readonly exp: number;
}

/** Signs what one agent shows to one third party: the claims of a JWT-SVID and of an ID token, and none beside. */
export async function mintThirdPartyToken(issuer: Issuer, order: ThirdPartyOrder): Promise<string> {
  const { kid, key } = issuer.ring.signing;
  const { town, agent, audience, jti, iat, exp } = order;
  return new SignJWT({
    iss: issuer.publicUrl,
    aud: audience,
    sub: spiffeId(issuer.trustDomain, town, agent),
    iat,
    nbf: iat - CLOCK_TOLERANCE_SECONDS,
    exp,
    jti,
  })
    .setProtectedHeader({ alg: TOKEN_ALG, typ: THIRD_PARTY_TOKEN_TYP, kid })
    .sign(key);
}

/** The one request that a push token is for. `path` has no query; `bodyDigest` is base64url SHA-256 of the body. */
export interface PushOrder {
  readonly audience: string;
  readonly town: TownId;
  readonly container: ContainerName;
  readonly method: string;
  readonly path: string;
  readonly bodyDigest: string;
}

/** Signs the credential of one request from the town to a control server; 60 s and single use. */
export async function mintPushToken(issuer: Issuer, order: PushOrder, nowMs: number): Promise<string> {
  const iat = Math.floor(nowMs / 1000);
  const { kid, key } = issuer.ring.signing;
  return new SignJWT({
    iss: issuer.publicUrl,
    aud: order.audience,
    sub: `spiffe://${issuer.trustDomain}/town/${order.town}`,
    town: order.town,
    container: order.container,
    htm: order.method,
    htu: order.path,
    bsha: order.bodyDigest,
    iat,
    nbf: iat - CLOCK_TOLERANCE_SECONDS,
    exp: iat + PUSH_TOKEN_TTL_SECONDS,
    jti: base64url(randomBytes(16)),
  })
    .setProtectedHeader({ alg: TOKEN_ALG, typ: PUSH_TOKEN_TYP, kid })
    .sign(key);
}
