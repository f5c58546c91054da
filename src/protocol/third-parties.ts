/** What an agent shows to third parties, and how it gets it: the words of RFC 8693, RFC 7662 and RFC 7009 that are used here. */
import { z } from 'zod';
import { MAX_AUDIENCE_CHARS, MAX_TOKEN_AUDIENCES } from './limits.ts';

/** `grant_type` of an exchange (RFC 8693, section 2.1). */
export const EXCHANGE_GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';
/** Type of a token (RFC 8693, section 3): an agent's own token is this, and a JWT. */
export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token';
/** Type of a token (RFC 8693, section 3): what an agent gets for a third party is this. */
export const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt' as const;

/** Whom a token is for, as the third party calls itself: visible ASCII, compared letter by letter (RFC 7519, section 4.1.3). */
export const audienceSchema = z
  .string()
  .regex(
    new RegExp(`^[\\x21-\\x7e]{1,${MAX_AUDIENCE_CHARS}}$`),
    `must be 1 to ${MAX_AUDIENCE_CHARS} visible characters`,
  );

/** What a person changes of a town: the audiences for which its agents may exchange their tokens, all of them at once. */
export const townChangeSchema = z.strictObject({
  token_audiences: z
    .array(audienceSchema)
    .max(MAX_TOKEN_AUDIENCES)
    .refine((audiences) => new Set(audiences).size === audiences.length, 'must not hold one twice'),
});
export type TownChange = z.infer<typeof townChangeSchema>;

/** The answer to an exchange (RFC 8693, section 2.2.1). */
export const exchangedTokenSchema = z.object({
  access_token: z.string(),
  issued_token_type: z.literal(JWT_TYPE),
  token_type: z.literal('Bearer'),
  expires_in: z.number().int().describe('seconds'),
});

/** The answer to an introspection (RFC 7662, section 2.2). Of a token that is not accepted it says nothing else. */
export const introspectionSchema = z.union([
  z.strictObject({ active: z.literal(false) }),
  z.strictObject({
    active: z.literal(true),
    token_type: z.literal('Bearer'),
    iss: z.string(),
    sub: z.string(),
    aud: z.string(),
    iat: z.number().int(),
    nbf: z.number().int(),
    exp: z.number().int(),
    jti: z.string(),
    client_id: z.string().describe('id of the agent'),
    scope: z.string().optional().describe("of an agent's own token"),
  }),
]);
export type Introspection = z.infer<typeof introspectionSchema>;

/** Every `error` that the OAuth routes answer (RFC 6749, section 5.2; RFC 6750, 7009, 8693). */
export const OAUTH_ERRORS = [
  'invalid_request',
  'invalid_token',
  'insufficient_scope',
  'invalid_scope',
  'invalid_target',
  'unauthorized_client',
  'unsupported_grant_type',
  'unsupported_token_type',
  'temporarily_unavailable',
] as const;
export type OauthErrorCode = (typeof OAUTH_ERRORS)[number];

/** How the OAuth routes refuse. `code` is the one that the same refusal has elsewhere in the API. */
export const oauthErrorSchema = z.object({
  error: z.enum(OAUTH_ERRORS),
  error_description: z.string(),
  code: z.string(),
});
export type OauthError = z.infer<typeof oauthErrorSchema>;
