/** Variables of how people sign in, and which pages may call from elsewhere. */
import { z } from 'zod';
import { commaList, isLoopbackOrHttps } from '#lib/variables.ts';

/** By whom people may be signed in beside their API keys, and which pages may call. Holds no secret. */
export interface SignInSettings {
  /** OpenID provider, the audience that its tokens must have, and the public client that the console is there; null: none. */
  readonly oidc: { readonly issuer: string; readonly audience: string; readonly clientId: string | null } | null;
  /** Cloudflare Access: `<team>.cloudflareaccess.com` and the audience tag of its application; null: none. */
  readonly access: { readonly team: string; readonly audience: string } | null;
  /** Origins of pages that may call; our own needs no entry. */
  readonly allowedOrigins: ReadonlySet<string>;
}

const MAX_ORIGINS = 32;

const issuerRule = 'must be the exact issuer of the tokens: https, without query or fragment';
const issuer = z.string().refine((text) => {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && isLoopbackOrHttps(url) && url.search === '' && url.hash === '' && url.username === '';
}, issuerRule);

const originsRule = 'must be origins like https://chat.example.com, by comma; https, or http on loopback';
const origins = z
  .string()
  .default('')
  .transform(commaList)
  .refine((list) => list.length <= MAX_ORIGINS, `must be at most ${MAX_ORIGINS}`)
  .refine((list) => list.every(isOrigin), originsRule);

function isOrigin(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && url.origin === text && isLoopbackOrHttps(url);
}

const audience = z.string().min(1).max(512);
/** Visible ASCII and blanks (RFC 6749, appendix A.1). */
const clientId = z
  .string()
  .regex(/^[\x20-\x7e]{1,512}$/, 'must be the id of a client: 1 to 512 characters of printable ASCII');
/** For the object of all variables. */
export const signInVariables = {
  OIDC_ISSUER: issuer.optional(),
  OIDC_AUDIENCE: audience.optional(),
  OIDC_CLIENT_ID: clientId.optional(),
  ACCESS_TEAM_DOMAIN: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}\.cloudflareaccess\.com$/, 'must be <team>.cloudflareaccess.com')
    .optional(),
  ACCESS_AUD: audience.optional(),
  ALLOWED_ORIGINS: origins,
};
const all = z.object(signInVariables);
type Variables = z.infer<typeof all>;

/** Rules that join two of them. */
export function signInRules(env: Variables, publicUrl: string): [boolean, string, string][] {
  const both = (one: unknown, other: unknown): boolean => (one === undefined) === (other === undefined);
  return [
    [both(env.OIDC_ISSUER, env.OIDC_AUDIENCE), 'OIDC_AUDIENCE', 'goes with OIDC_ISSUER: set both or none'],
    [
      env.OIDC_CLIENT_ID === undefined || env.OIDC_ISSUER !== undefined,
      'OIDC_CLIENT_ID',
      'goes with OIDC_ISSUER: leave it out, or set both',
    ],
    [both(env.ACCESS_TEAM_DOMAIN, env.ACCESS_AUD), 'ACCESS_AUD', 'goes with ACCESS_TEAM_DOMAIN: set both or none'],
    // Else a token that was minted for an agent could speak as a person.
    [env.OIDC_ISSUER?.replace(/\/$/, '') !== publicUrl, 'OIDC_ISSUER', 'must be another issuer than PUBLIC_URL'],
  ];
}

/** The settings out of variables that keep `signInRules`; a half pair counts as none. */
export function signInSettings(env: Variables): SignInSettings {
  const {
    OIDC_ISSUER: issuer,
    OIDC_AUDIENCE,
    OIDC_CLIENT_ID: clientId = null,
    ACCESS_TEAM_DOMAIN: team,
    ACCESS_AUD,
    ALLOWED_ORIGINS,
  } = env;
  return {
    oidc: issuer === undefined || OIDC_AUDIENCE === undefined ? null : { issuer, audience: OIDC_AUDIENCE, clientId },
    access: team === undefined || ACCESS_AUD === undefined ? null : { team, audience: ACCESS_AUD },
    allowedOrigins: new Set(ALLOWED_ORIGINS),
  };
}
