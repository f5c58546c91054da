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
