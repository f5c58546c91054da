/** Pages of other origins (CORS, the Fetch standard): those of `ALLOWED_ORIGINS`, and without it none. */
import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import type { Config } from '../../env.ts';

/** What a page may read beside the body. */
const EXPOSED = ['x-request-id', 'retry-after', 'location', 'preference-applied', 'www-authenticate'];
/** A browser asks again after this (s). */
const PREFLIGHT_SECONDS = 600;

/**
 * Comes before authentication, because a preflight carries none. A bearer is all that a page signs in with, so no cookie is ever let
 * through. What is asked from elsewhere passes as it came, without the headers by which a browser would show it to the page.
 */
export function crossOrigin({ signIn: { allowedOrigins } }: Config): MiddlewareHandler {
  return cors({
    origin: (origin) => (allowedOrigins.has(origin) ? origin : null),
    allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposeHeaders: EXPOSED,
    maxAge: PREFLIGHT_SECONDS,
  });
}
