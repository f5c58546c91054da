/** People who come with a JWT of another issuer: of an OpenID provider, or of Cloudflare Access in front of the Worker. */
import {
  createRemoteJWKSet,
  decodeJwt,
  errors,
  jwksCache,
  jwtVerify,
  type JWKSCacheInput,
  type JWTPayload,
} from 'jose';
import { z } from 'zod';
import { withDeadline } from '#lib/clock.ts';
import { parseJson } from '#lib/json.ts';
import { readText } from '#lib/read-body.ts';
import { SignInUnavailable, type Person, type PersonAuthenticator } from './person.ts';

/** One issuer that people sign in with. */
export interface JwtIssuer {
  readonly issuer: string;
  /** A token has to name it among its audiences. */
  readonly audience: string;
  /** The key set's address, or null: the issuer's discovery document names it. */
  readonly jwksUri: string | null;
  /** The person's id in Reeve, or null: the claims name none. */
  readonly personOf: (claims: JWTPayload) => string | null;
}

/** Asymmetric ones only: a symmetric key would be the verifier's too. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
/** Clocks differ by this much (s). */
const TOLERANCE_SECONDS = 60;
/** An issuer answers within this (ms), or sign-in is not available now. */
const FETCH_MS = 5000;
/** A rotated key is found by its id at once, but the issuer is asked no more often than this (ms). */
const COOLDOWN_MS = 30_000;
const CACHE_MS = 600_000;
/** The last time that RFC 3339 can write (ms). */
const LAST_TIME_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const MAX_DISCOVERY_BYTES = 256 * 1024;
/** Of a subject, in UTF-16 code units; no control characters, because it stands in logs and lists. */
const MAX_SUBJECT_UNITS = 255;
const SUBJECT = /^\P{Cc}+$/u;

/** A person of an OpenID provider. */
export function oidcIssuer(issuer: string, audience: string): JwtIssuer {
  return { issuer, audience, jwksUri: null, personOf: ({ sub }) => named('oidc', sub) };
}

/** A person, or a service token, that Cloudflare Access has let through. */
export function accessIssuer(team: string, audience: string): JwtIssuer {
  const issuer = `https://${team}`;
  return {
    issuer,
    audience,
    jwksUri: `${issuer}/cdn-cgi/access/certs`,
    personOf: ({ sub, common_name: service }) => named('access', sub) ?? named('access-service', service),
  };
}

function named(kind: string, subject: unknown): string | null {
  if (typeof subject !== 'string' || subject.length > MAX_SUBJECT_UNITS || !SUBJECT.test(subject)) return null;
  return subject.isWellFormed() ? `${kind}:${subject}` : null;
}

/**
 * Keys are fetched with the first token and kept; the issuer is asked again where a token names one that is not among them. Until
 * it may be asked, a token that may have been signed since cannot be told from a false one.
 */
export function jwtAuthenticator(from: JwtIssuer, now: () => number): PersonAuthenticator {
  let keys: RemoteKeys | null = null;
  return {
    authenticate: async (bearer) => {
      if (claimsOf(bearer).iss !== from.issuer) return null;
      keys ??= remoteKeys(from.jwksUri ?? (await discover(from.issuer)));
      return verify(from, bearer, keys, now());
    },
  };
}

/** What a token says, before anything is verified: it only chooses who verifies, and which refusal it is. */
function claimsOf(bearer: string): JWTPayload {
  try {
    return decodeJwt(bearer);
  } catch {
    return {}; // No JWT: none of ours.
  }
}

async function verify(
  { issuer, audience, personOf }: JwtIssuer,
  bearer: string,
  keys: RemoteKeys,
  nowMs: number,
): Promise<Person | null> {
  const mayAsk = !keys.get.coolingDown;
  try {
    const { payload } = await jwtVerify(bearer, keys.get, {
      issuer,
      audience,
      algorithms: ALGORITHMS,
      clockTolerance: TOLERANCE_SECONDS,
      requiredClaims: ['exp', 'iat'],
      currentDate: new Date(nowMs),
    });
    const id = personOf(payload);
    return id === null ? null : { id, endsAtMs: endOf(payload), scope: 'admin', key: null };
  } catch (thrown) {
    if (thrown instanceof errors.JWKSNoMatchingKey && !mayAsk && isNewerThan(keys, bearer)) {
      throw new SignInUnavailable(`${issuer} is not asked for another key yet`, { cause: thrown });
    }
    if (isOfTheToken(thrown)) return null;
    throw new SignInUnavailable(`the keys of ${issuer} cannot be had`, { cause: thrown });
  }
}

/**
 * A token may name a fraction of a second (RFC 7519, section 2), and an end beyond all dates: here it is a whole number of milliseconds that
 * can be stored, and written as a date.
 */
function endOf({ exp = 0 }: JWTPayload): number {
  return Math.min(Math.floor(exp * 1000), LAST_TIME_MS);
}

/** Whether the token is to blame; else it is the way to the keys. */
function isOfTheToken(thrown: unknown): boolean {
  if (!(thrown instanceof errors.JOSEError)) return false;
  return !(
    thrown instanceof errors.JWKSTimeout ||
    thrown instanceof errors.JWKSInvalid ||
    thrown.code === errors.JOSEError.code
  );
}

interface RemoteKeys {
  readonly get: ReturnType<typeof createRemoteJWKSet>;
  /** The library notes here when it fetched the keys. */
  readonly fetched: JWKSCacheInput;
}

function remoteKeys(uri: string): RemoteKeys {
  const fetched: JWKSCacheInput = {};
  const get = createRemoteJWKSet(new URL(uri), {
    timeoutDuration: FETCH_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: CACHE_MS,
    [jwksCache]: fetched,
  });
  return { get, fetched };
}

/** Whether it can be signed with a key that was published after these were fetched. */
function isNewerThan({ fetched }: RemoteKeys, bearer: string): boolean {
  return (claimsOf(bearer).iat ?? 0) + TOLERANCE_SECONDS > (fetched.uat ?? 0) / 1000;
}

const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.url() });

/** OpenID Connect Discovery 1.0, section 4: the document is of this issuer, and its keys come the way that it does. */
async function discover(issuer: string): Promise<string> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  try {
    const text = await withDeadline(FETCH_MS, async (signal) => {
      const answer = await fetch(address, { signal, redirect: 'manual', headers: { accept: 'application/json' } });
      return answer.ok ? readText(answer, MAX_DISCOVERY_BYTES) : null;
    });
    const found = discoverySchema.parse(parseJson(text ?? ''));
    const isSecure = found.jwks_uri.startsWith('https://') || issuer.startsWith('http://');
    if (found.issuer === issuer && isSecure) return found.jwks_uri;
  } catch (thrown) {
    throw new SignInUnavailable(`the discovery document of ${issuer} cannot be had`, { cause: thrown });
  }
  throw new SignInUnavailable(`the discovery document of ${issuer} names another issuer, or keys without https`);
}
