import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Clock } from '../lib/clock.ts';
import type { Metrics } from '../lib/metrics.ts';

/** Counts each request with its duration, under the pattern of the route that answered it: a path holds ids. */
export function measure(metrics: Metrics, clock: Clock): MiddlewareHandler {
  return async (c, next) => {
    const beganAtMs = clock.monoMs();
    await next();
    metrics.answered(c.req.method, routePath(c, -1), c.res.status, clock.monoMs() - beganAtMs);
  };
}
