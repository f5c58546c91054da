/** The console's page. Its files lie among the static assets; the page itself only the Worker hands out, with the policy that it is under. */
import type { Config } from '../../env.ts';
import type { Edge } from '../edge/edge.ts';

/** Where the page lies among the assets: a path that the Worker has first, so that no request gets it without its policy. */
const PAGE = '/console';

/**
 * Answers the page, or null where the deployment was made without it. Nothing from another origin but the issuer that people sign in
 * with, no inline code, no text that becomes markup (Trusted Types), and no frame around it.
 */
export function consolePage({ assets, config }: Edge): () => Promise<Response | null> {
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policyOf(config),
    'cross-origin-opener-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-cache',
    vary: 'accept',
  };
  return async () => {
    const found = await assets?.fetch(`${config.publicUrl}${PAGE}`);
    if (found?.status === 200) return new Response(found.body, { headers });
    await found?.body?.cancel();
    return null;
  };
}

function policyOf({ publicUrl, signIn: { oidc } }: Config): string {
  // Some browsers take 'self' for the page's own scheme only, and the stream has another one.
  const stream = publicUrl.replace(/^http/, 'ws');
  const issuer = oidc === null ? '' : ` ${new URL(oidc.issuer).origin}`;
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src 'self' ${stream}${issuer}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}
