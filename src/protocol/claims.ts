/** Claims of the tokens that both sides read (the design's token table). All times are NumericDate seconds (RFC 7519, section 2). */
import { z } from 'zod';
import { agentIdSchema, containerNameSchema, sessionIdSchema, bootIdSchema, townIdSchema } from './ids.ts';
import { audienceSchema } from './third-parties.ts';

/** RFC 9068 access token of an agent. */
export const AGENT_TOKEN_TYP = 'at+jwt';
/** Credential of one request from the town to a control server. */
export const PUSH_TOKEN_TYP = 'town-push+jwt';
/** What an agent shows to third parties: a JWT-SVID (SPIFFE, section 2) is of this type, or of none. */
export const THIRD_PARTY_TOKEN_TYP = 'JWT';
/** The only algorithm: ES256 (RFC 7518, section 3.4). */
export const TOKEN_ALG = 'ES256';

const base = {
  iss: z.string(),
  sub: z.string(),
  iat: z.number().int(),
  nbf: z.number().int(),
  exp: z.number().int(),
  jti: z.string().min(8).max(64),
};

/** Claims of an agent's token. `scope` is a list separated by spaces; times are NumericDate (s). */
export const agentClaimsSchema = z.object({
  ...base,
  aud: z.string(),
  client_id: agentIdSchema,
  town: townIdSchema,
  agent: agentIdSchema,
  inc: z.number().int().min(1),
  gen: z.number().int().min(1),
  scope: z.string(),
});
export type AgentClaims = z.infer<typeof agentClaimsSchema>;

/** Claims of a token for one third party: a SPIFFE JWT-SVID, and an OpenID Connect ID token as far as no person is in it. */
export const thirdPartyClaimsSchema = z.object({ ...base, aud: audienceSchema });
export type ThirdPartyClaims = z.infer<typeof thirdPartyClaimsSchema>;

/** Claims of a push token: it is good for one request of the town to one control server. */
export const pushClaimsSchema = z.object({
  ...base,
  /** The session; for `PUT /session`, which opens one, the boot. */
  aud: z.union([sessionIdSchema, bootIdSchema]),
  town: townIdSchema,
  container: containerNameSchema,
  /** Method and path of the one request that this token is for (names as in RFC 9449). */
  htm: z.string(),
  htu: z.string().startsWith('/'),
  /** base64url SHA-256 of the request body; of the empty string where there is none. */
  bsha: z.string().length(43),
});
export type PushClaims = z.infer<typeof pushClaimsSchema>;

/** Claims that a verifier requires; jose's `requiredClaims` adds presence, the schemas above add shape. */
export const REQUIRED_CLAIMS = ['iss', 'aud', 'sub', 'iat', 'nbf', 'exp', 'jti'];
