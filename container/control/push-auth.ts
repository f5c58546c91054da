/**
 * Decides who may speak: every request but `/health` carries a push token of the town, for this one request (the design's
 * token table). Only home of jose in the container, with its key source.
 */
import { base64url, decodeJwt, decodeProtectedHeader, errors, jwtVerify, type JWTVerifyGetKey } from 'jose';
import {
  CLOCK_TOLERANCE_SECONDS,
  PUSH_TOKEN_TTL_SECONDS,
  PUSH_TOKEN_TYP,
  REQUIRED_CLAIMS,
  TOKEN_ALG,
  pushClaimsSchema,
  splitContainerName,
  type PushClaims,
} from '#protocol';
import { RecentMap } from '../lib/recent-map.ts';
import type { Session, Sessions } from './sessions.ts';

/** The head of one request: what is known before any of its body is read. */
export interface PushHead {
  readonly authorization: string | null;
  readonly method: string;
  /** Without query. */
  readonly path: string;
}

/** Why a push was refused: for the log. Platform all of these are one 401 with one body. */
export type PushRefusal =
  | 'no_bearer'
  | 'malformed'
  | 'unknown_key'
  | 'bad_signature'
  | 'expired'
  | 'bad_claims'
  | 'other_request'
  | 'other_container'
  | 'repeated';

/**
 * `session`: for an agent of this session. `opening`: a `PUT /session` for this boot. `unknown_session`: the town signed it, for
 * a session that is not held here. `refused`: nothing changed, and nothing may.
 */
export type PushVerdict =
  | { readonly kind: 'session'; readonly session: Session }
  | { readonly kind: 'opening'; readonly claims: PushClaims }
  | { readonly kind: 'unknown_session' }
  | PushRefused;

export interface PushRefused {
  readonly kind: 'refused';
  readonly reason: PushRefusal;
}

/** A push whose token holds in everything but the body, which is yet to be read. Nothing has changed by it. */
export interface SignedHead {
  readonly kind: 'signed';
  readonly claims: PushClaims;
  readonly yardstick: VerificationContext;
}

/** What a token is judged against before anything about it is known: whom it must be for, and what time it is. */
type VerificationContext = { readonly audience: string; readonly nowMs: number } & (
  { readonly kind: 'session'; readonly session: Session } | { readonly kind: 'opening' | 'unknown_session' }
);

interface PushAuthParts {
  readonly boot: string;
  readonly issuer: string;
  readonly sessions: Sessions;
  readonly findKey: JWTVerifyGetKey;
}

/**
 * Three segments of base64url. A signature of 64 bytes takes 86 characters, of the last of which four bits say nothing: they
 * must be zero, so that no two texts are one token.
 */
const TOKEN_FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{85}[AQgw]$/;
/** `jwk`, `jku`, `x5u` and the like offer keys or rules of the sender's own; a token that brings any is refused unread. */
const HEADER_MEMBERS = ['alg', 'kid', 'typ'];
/** What is read of a token before it is verified. */
const unverifiedSchema = pushClaimsSchema.pick({ aud: true, iat: true });
/** Openings that are remembered; older ones are stopped by their epoch. */
const REMEMBERED_OPENINGS = 1_000;

/** Checks push tokens. Holds the ids of the openings it admitted; those of a session's requests are the session's. */
export class PushAuth {
  readonly #parts: PushAuthParts;
  readonly #openings = new RecentMap<string, true>(REMEMBERED_OPENINGS);

  constructor(parts: PushAuthParts) {
    this.#parts = parts;
  }

  /**
   * Whether the body is worth reading: everything about the token holds, but for its digest of the body. Never rejects, and
   * changes nothing: a request whose body never comes spends no token.
   */
  async checkHead(head: PushHead): Promise<SignedHead | PushRefused> {
    const token = /^Bearer +(\S+)$/i.exec(head.authorization ?? '')?.[1];
    if (token === undefined) return refused('no_bearer');
    const yardstick = this.#yardstick(head, token);
    if (yardstick === null) return refused('malformed');
    const claims = await this.#verify(token, yardstick);
    if (typeof claims === 'string') return refused(claims);
    if (claims.htm !== head.method || claims.htu !== head.path) return refused('other_request');
    if (splitContainerName(claims.container).town !== claims.town) return refused('other_container');
    return this.#mayBeUsed(yardstick, claims) ? refused('repeated') : { kind: 'signed', claims, yardstick };
  }

  /** Never rejects. A token counts as used only once everything about it holds, so a forged copy does not spend it. */
  async admit({ claims, yardstick }: SignedHead, body: Uint8Array<ArrayBuffer>): Promise<PushVerdict> {
    const digest = base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', body)));
    return claims.bsha === digest ? this.#admit(yardstick, claims) : refused('other_request');
  }

  /**
   * Reads the unverified token only as far as to find the clock that it is judged by.
   * - A session that is held judges by its own town clock, which catches up with the town after a suspension.
   * - `PUT /session` brings the town's time: there is none here yet, so it is judged by its own `iat`. Its repeats are stopped
   *   by its id and by the epoch inside.
   * - A session that is not held has no clock here, so its token is judged by its own `iat` too. Nothing but the answer
   *   "unknown session" hangs on it, which an old token may as well get.
   */
  #yardstick({ method, path }: PushHead, token: string): VerificationContext | null {
    const { boot, sessions } = this.#parts;
    const claimed = unverified(token);
    if (claimed === null) return null;
    const { aud: audience, iat } = claimed;
    if (method === 'PUT' && path === '/session') return { kind: 'opening', audience: boot, nowMs: iat * 1000 };
    const session = sessions.find(audience);
    if (session === undefined) return { kind: 'unknown_session', audience, nowMs: iat * 1000 };
    return { kind: 'session', session, audience, nowMs: session.clock.judgeMs(iat) };
  }

  async #verify(token: string, { audience, nowMs }: VerificationContext): Promise<PushClaims | PushRefusal> {
    try {
      const { payload } = await jwtVerify(token, this.#parts.findKey, {
        algorithms: [TOKEN_ALG],
        typ: PUSH_TOKEN_TYP,
        issuer: this.#parts.issuer,
        audience,
        requiredClaims: REQUIRED_CLAIMS,
        maxTokenAge: PUSH_TOKEN_TTL_SECONDS,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(nowMs),
      });
      const claims = pushClaimsSchema.safeParse(payload);
      return claims.success ? claims.data : 'bad_claims';
    } catch (thrown) {
      return refusalOf(thrown);
    }
  }

  /** A first check, so that no body is read for a repeat; the one that decides is in `#admit`. */
  #mayBeUsed(yardstick: VerificationContext, claims: PushClaims): boolean {
    if (yardstick.kind === 'session') return yardstick.session.used.mayBeUsed(claims.jti, endOf(claims));
    return yardstick.kind === 'opening' && this.#openings.has(claims.jti);
  }

  /** Synchronous, so that of two copies of one token exactly one is admitted, and the session is still held when it is. */
  #admit(yardstick: VerificationContext, claims: PushClaims): PushVerdict {
    if (yardstick.kind === 'session') return this.#admitTo(yardstick.session, claims);
    if (yardstick.kind === 'unknown_session') {
      // A boot is no session: with that audience only a session can be opened.
      return claims.aud.startsWith('ses_') ? { kind: 'unknown_session' } : refused('bad_claims');
    }
    if (this.#openings.has(claims.jti)) return refused('repeated');
    this.#openings.set(claims.jti, true);
    return { kind: 'opening', claims };
  }

  #admitTo(session: Session, claims: PushClaims): PushVerdict {
    if (this.#parts.sessions.find(session.id) !== session) return { kind: 'unknown_session' };
    if (claims.container !== session.container) return refused('other_container');
    session.clock.catchUp(claims.iat);
    if (!session.used.useOnce(claims.jti, endOf(claims), session.clock.nowMs())) return refused('repeated');
    this.#parts.sessions.used(session);
    return { kind: 'session', session };
  }
}

/** When a token is too old by any clock that is within the tolerance (ms). */
function endOf({ exp }: PushClaims): number {
  return (exp + CLOCK_TOLERANCE_SECONDS) * 1000;
}

function refused(reason: PushRefusal): PushRefused {
  return { kind: 'refused', reason };
}

/** Audience and time as the token claims them, or null where it is not even the form of a push token. */
function unverified(token: string): { aud: string; iat: number } | null {
  if (!TOKEN_FORM.test(token)) return null;
  try {
    const header = decodeProtectedHeader(token);
    const claims = unverifiedSchema.safeParse(decodeJwt(token));
    const isPlain = Object.keys(header).every((member) => HEADER_MEMBERS.includes(member));
    return isPlain && typeof header.kid === 'string' && claims.success ? claims.data : null;
  } catch {
    return null;
  }
}

function refusalOf(thrown: unknown): PushRefusal {
  if (thrown instanceof errors.JWKSNoMatchingKey) return 'unknown_key';
  if (thrown instanceof errors.JWSSignatureVerificationFailed) return 'bad_signature';
  if (thrown instanceof errors.JWTExpired) return 'expired';
  if (thrown instanceof errors.JWTClaimValidationFailed) return 'bad_claims';
  return 'malformed';
}
