/** What is answered where no route is declared for a method and a path. */
import type { App } from './edge.ts';
import { problemResponse } from './problem.ts';

/**
 * A path that takes other methods: 405 with all of them (RFC 9110, section 15.5.6), and OPTIONS asks for just that. Any other path
 * is 404, with a code of its own, so that a mistyped address is not taken for a thing that is not there or not the caller's. What
 * is declared stands in `/openapi.json`, so no caller needs credentials to learn it.
 */
export function noSuchRoute(app: App, path: string, method: string, requestId: string | undefined): Response {
  const methods = methodsOf(app, path);
  if (methods.length === 0) {
    return problemResponse('unknown_path', requestId, { detail: 'GET /openapi.json lists the paths.' });
  }
  const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
  const response =
    method === 'OPTIONS' ? new Response(null, { status: 204 }) : problemResponse('method_not_allowed', requestId);
  response.headers.set('allow', allow);
  return response;
}

/** The methods that a route is declared for at this path. What is declared for all of them is middleware. */
function methodsOf(app: App, path: string): string[] {
  const declared = new Set(app.routes.map(({ method }) => method).filter((method) => method !== 'ALL'));
  return [...declared].filter((method) =>
    app.router.match(method, path)[0].some(([[, route]]) => route.method === method),
  );
}
