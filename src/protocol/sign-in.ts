/** How people sign in at the console. */
import { z } from 'zod';

/** What a page that has no credential yet is told; nothing of it is secret. */
export const signInWaysSchema = z.object({
  /** A public client at an OpenID provider: the page runs the authorization code flow with PKCE (RFC 7636). Null: none. */
  oidc: z.object({ issuer: z.string(), client_id: z.string(), audience: z.string() }).nullable(),
  /** Whether Cloudflare Access stands in front: a browser that has passed it needs no bearer. */
  access: z.boolean(),
  /** One-time links are always there. */
  links: z.literal(true),
});

/** How long a link waits to be used, in seconds. */
export const SIGN_IN_LINK_SECONDS = 600;
/** Links of one person that wait to be used. */
export const MAX_SIGN_IN_LINKS_PER_PERSON = 20;
/** How long the key lives that a link is good for, in seconds; it ends with the credential that made the link at the latest. */
export const CONSOLE_KEY_SECONDS = 12 * 3600;
/** The name of such a key in the list of its person. */
export const CONSOLE_KEY_NAME = 'console';

/** The only answer that ever holds a code. */
export const signInLinkSchema = z.object({
  /** 256 random bits in base64url, good for one key. */
  code: z.string(),
  /** The console, with the code in the fragment, which is sent to no server. */
  url: z.url(),
  expires_at: z.iso.datetime(),
});
export type SignInLinkView = z.infer<typeof signInLinkSchema>;
