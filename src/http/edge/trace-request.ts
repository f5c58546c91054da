/** Each request belongs to a trace, and has one line in the log (docs/monitoring.md). */
import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import {
  TRACE_RANDOM_BYTES,
  beginTrace,
  continueTrace,
  parseTraceparent,
  traceFields,
  type TraceContext,
} from '#protocol';
import { withFields } from '#lib/log.ts';
import { randomBytes } from '#lib/secret.ts';
import type { Edge, EdgeEnv } from './edge.ts';

/**
 * Routes that say nothing where all is well: what is asked for again and again, by probes, caches and agents at work, and shown elsewhere.
 */
const QUIET: readonly string[] = [
  '/healthz',
  '/metrics',
  '/.well-known/jwks.json',
  '/.well-known/openid-configuration',
  '/v1/agent/heartbeat',
];

/** Any other is text of the caller; OpenTelemetry has one name for all of these. */
const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const OTHER_METHOD = '_OTHER';

/**
 * Begins the span of a request, in the caller's trace where it names one, and a log whose lines name both. Comes after the request has
 * its id and before all else, so that refusals have their line too. The line holds the pattern of the route, and nothing that a caller
 * put into address, headers or body (T6). Its duration ends with the head of the answer: a stream goes on.
 */
export function traceRequests({ clock, log }: Pick<Edge, 'clock' | 'log'>): MiddlewareHandler<EdgeEnv> {
  return async (c, next) => {
    const startedAtMs = clock.now();
    const trace = spanOf(c.req.header('traceparent'));
    const own = withFields(log, { request_id: c.get('requestId'), ...traceFields(trace) });
    c.set('trace', trace);
    c.set('log', own);
    c.set('caller', { kind: 'anyone', town: null });
    await next();
    const { status } = c.res;
    const route = routePath(c, -1);
    const method = METHODS.includes(c.req.method) ? c.req.method : OTHER_METHOD;
    if (status < 400 && (method === 'OPTIONS' || QUIET.includes(route))) return;
    const { kind: caller, town } = c.get('caller');
    own.info('http.request', { method, route, status, duration_ms: clock.now() - startedAtMs, caller, town });
  };
}

function spanOf(traceparent: string | undefined): TraceContext {
  const parent = parseTraceparent(traceparent);
  const random = randomBytes(TRACE_RANDOM_BYTES);
  return parent === null ? beginTrace(random) : continueTrace(parent, random);
}
