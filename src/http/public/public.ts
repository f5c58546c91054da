/** Routes without credentials: health, keys, discovery. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import { EXCHANGE_GRANT, REQUIRED_CLAIMS, TOKEN_ALG } from '#protocol';
import { timestamp } from '#lib/clock.ts';
import { publicKeys } from '../../tokens/key-set.ts';
import type { Edge, EdgeEnv } from '../edge/edge.ts';
import { consolePage } from './console-page.ts';

/** Five minutes: short enough that a key which is published ahead is known everywhere before it signs. */
const KEYS_CACHE = 'public, max-age=300';

/** Routes that need no credentials. */
export function publicRoutes(app: OpenAPIHono<EdgeEnv>, edge: Edge): void {
  const { publicUrl, signingKeys } = edge.config;
  const keys = publicKeys(signingKeys);

  // With the time, because a `Date` header may be missing, or that of a proxy.
  app.get('/healthz', (c) => c.json({ status: 'ok', time: timestamp(edge.clock.now()) }));

  const page = consolePage(edge);
  // A browser is shown the console, a program where to go on.
  app.get('/', async (c) => {
    const html = c.req.header('accept')?.includes('text/html') === true ? await page() : null;
    if (html !== null) return html;
    const links = { openapi: `${publicUrl}/openapi.json`, docs: `${publicUrl}/docs`, health: `${publicUrl}/healthz` };
    return c.json({ name: 'reeve', ...links }, 200, { vary: 'accept' });
  });

  app.get('/.well-known/jwks.json', (c) => c.json(keys, 200, { 'cache-control': KEYS_CACHE }));

  // OpenID Connect Discovery 1.0, section 3: what a verifier of these tokens needs. No person signs in here.
  app.get('/.well-known/openid-configuration', (c) =>
    c.json(
      {
        issuer: publicUrl,
        jwks_uri: `${publicUrl}/.well-known/jwks.json`,
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: [TOKEN_ALG],
        claims_supported: REQUIRED_CLAIMS,
        // RFC 8414, section 2: an agent's own token is all that it shows, in the body of an exchange and as bearer elsewhere.
        grant_types_supported: [EXCHANGE_GRANT],
        token_endpoint: `${publicUrl}/v1/oauth/token`,
        token_endpoint_auth_methods_supported: ['none'],
        introspection_endpoint: `${publicUrl}/v1/oauth/introspect`,
        introspection_endpoint_auth_methods_supported: ['Bearer'],
        revocation_endpoint: `${publicUrl}/v1/oauth/revoke`,
        revocation_endpoint_auth_methods_supported: ['Bearer'],
      },
      200,
      { 'cache-control': KEYS_CACHE },
    ),
  );
}
