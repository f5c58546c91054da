/** The only place where the Worker reads a token. It verifies from the configured keys and never fetches (W-34). */
import { decodeJwt, errors, jwtVerify, type JWTHeaderParameters, type JWTPayload, type JWTVerifyOptions } from 'jose';
import {
  AGENT_TOKEN_TYP,
  CLOCK_TOLERANCE_SECONDS,
  MAX_AUTHORIZATION_BYTES,
  MAX_EXCHANGED_SECONDS,
  MAX_TOKEN_TTL_SECONDS,
  REQUIRED_CLAIMS,
  THIRD_PARTY_TOKEN_TYP,
  TOKEN_ALG,
  agentClaimsSchema,
  readSpiffeId,
  spiffeId,
  thirdPartyClaimsSchema,
  type AgentClaims,
  type AgentId,
  type ThirdPartyClaims,
  type TownId,
} from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import type { Issuer } from './mint.ts';

/** Why a token was refused: for the log. Outside all of these are `invalid_token`. */
export type TokenRefusal = 'malformed' | 'expired' | 'unknown_kid' | 'tainted_kid' | 'bad_signature' | 'bad_claims';

/** Verified claims, with the key that signed them. */
export interface VerifiedAgent {
  readonly claims: AgentClaims;
  readonly kid: string;
}

/**
 * Three parts of base64url. A signature of 64 bytes takes 86 characters, of the last of which four bits say nothing: they must
 * be zero, so that no two texts are one token.
 */
const TOKEN_FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{85}[AQgw]$/;
/** `jwk`, `jku`, `x5u` and the like offer keys or rules of the sender's own; a token that brings any is refused. */
const HEADER_MEMBERS: readonly string[] = ['alg', 'kid', 'typ'];

class KeyRefused extends Error {
  readonly reason: TokenRefusal;

  constructor(reason: TokenRefusal) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * Verifies an agent token: algorithm, type, issuer, audience, presence and shape of each claim, lifetime.
 * Never rejects; never says more outside than that it failed. The town still decides on its own row afterwards (T11).
 */
export async function verifyAgentToken(
  issuer: Issuer,
  token: string,
  nowMs: number,
): Promise<Result<VerifiedAgent, TokenRefusal>> {
  const kind = { typ: AGENT_TOKEN_TYP, audience: issuer.publicUrl, maxTokenAge: MAX_TOKEN_TTL_SECONDS };
  const verified = await verify(issuer, token, kind, nowMs);
  if (!verified.ok) return verified;
  const { payload, kid } = verified.value;
  const claims = agentClaimsSchema.safeParse(payload);
  if (!claims.success) return err('bad_claims');
  const { town, agent, sub, client_id: client } = claims.data;
  if (client !== agent || sub !== spiffeId(issuer.trustDomain, town, agent)) return err('bad_claims');
  return ok({ claims: claims.data, kid });
}

/** How long (s) after its end a token still says whose client came with it. */
const EXPIRED_TOLD_SECONDS = 86_400;

/**
 * Whose token this is that is refused as expired; null: it is not good but for that, or has been over for more than a day. It opens
 * nothing: it tells why the calls of an agent fail. Verified like any other, as of the last second of its life. Never rejects.
 */
export async function verifyExpired(issuer: Issuer, token: string, nowMs: number): Promise<VerifiedAgent | null> {
  const exp = expiryOf(token);
  if (exp === null || nowMs / 1000 - exp > EXPIRED_TOLD_SECONDS) return null;
  const verified = await verifyAgentToken(issuer, token, (exp - 1) * 1000);
  return verified.ok ? verified.value : null;
}

/** What it says of its end, before anything is verified. */
function expiryOf(token: string): number | null {
  try {
    return decodeJwt(token).exp ?? null;
  } catch {
    return null;
  }
}

/** Verified claims of a token for a third party, and whose it is. */
export interface VerifiedThirdParty {
  readonly claims: ThirdPartyClaims;
  readonly town: TownId;
  readonly agent: AgentId;
}

/** The same for a token that was made for a third party, whichever it is: here it is asked about, and opens nothing. */
export async function verifyThirdPartyToken(
  issuer: Issuer,
  token: string,
  nowMs: number,
): Promise<Result<VerifiedThirdParty, TokenRefusal>> {
  const kind = { typ: THIRD_PARTY_TOKEN_TYP, maxTokenAge: MAX_EXCHANGED_SECONDS };
  const verified = await verify(issuer, token, kind, nowMs);
  if (!verified.ok) return verified;
  const claims = thirdPartyClaimsSchema.safeParse(verified.value.payload);
  if (!claims.success) return err('bad_claims');
  const whose = readSpiffeId(issuer.trustDomain, claims.data.sub);
  return whose === null ? err('bad_claims') : ok({ claims: claims.data, ...whose });
}

/** What tells tokens of one kind from all others. */
type Kind = Required<Pick<JWTVerifyOptions, 'typ' | 'maxTokenAge'>> & Pick<JWTVerifyOptions, 'audience'>;

async function verify(
  issuer: Issuer,
  token: string,
  kind: Kind,
  nowMs: number,
): Promise<Result<{ payload: JWTPayload; kid: string }, TokenRefusal>> {
  if (token.length > MAX_AUTHORIZATION_BYTES || !TOKEN_FORM.test(token)) return err('malformed');
  let kid = '';
  const keyFor = (header: JWTHeaderParameters) => {
    if (!Object.keys(header).every((member) => HEADER_MEMBERS.includes(member))) throw new KeyRefused('malformed');
    const key = issuer.ring.find(header.kid ?? '');
    if (key === undefined) throw new KeyRefused('unknown_kid');
    if (key.state === 'tainted') throw new KeyRefused('tainted_kid');
    kid = key.kid;
    return key.publicKey;
  };
  try {
    const { payload } = await jwtVerify(token, keyFor, {
      ...kind,
      algorithms: [TOKEN_ALG],
      issuer: issuer.publicUrl,
      requiredClaims: REQUIRED_CLAIMS,
      // Of `maxTokenAge` the upper bound, not this deployment's own lifetime: shortening the setting must not refuse what is out.
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(nowMs),
    });
    return ok({ payload, kid });
  } catch (thrown) {
    return err(refusalOf(thrown));
  }
}

function refusalOf(thrown: unknown): TokenRefusal {
  if (thrown instanceof KeyRefused) return thrown.reason;
  if (thrown instanceof errors.JWTExpired) return 'expired';
  if (thrown instanceof errors.JWTClaimValidationFailed) return 'bad_claims';
  if (thrown instanceof errors.JWSSignatureVerificationFailed) return 'bad_signature';
  return 'malformed';
}
