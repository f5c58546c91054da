/** How each route is declared: who calls it, by which name a client knows it, and every problem that it may answer. */
import { createRoute, type RouteConfig } from '@hono/zod-openapi';
import { PROBLEMS, type ProblemCode } from '#protocol';

/** Who may call, and by which credential: the names of the security schemes of `/openapi.json`. */
export const CREDENTIALS = {
  person: {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key, or a token of the OpenID provider or of Cloudflare Access (docs/people.md).',
  },
  agent: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'at+jwt',
    description: 'The token of an agent. Which agent calls is in it, and in no path or body.',
  },
  session: {
    type: 'http',
    scheme: 'bearer',
    description: 'The secret of the session that the town holds with the container.',
  },
  container: { type: 'http', scheme: 'bearer', description: '`CONTAINER_SECRET`, which a control server has.' },
  ticket: { type: 'apiKey', in: 'query', name: 'ticket', description: 'Opens one stream, once, within 30 seconds.' },
} as const;
export type Caller = keyof typeof CREDENTIALS;

/** Who calls a route that takes no credential in a header. */
type Anyone = 'anyone';

const BAD_CREDENTIALS = ['unauthenticated', 'invalid_token', 'payload_too_large'] as const;

/** What each caller may be answered whatever it asks for. */
const OF_CALLER = {
  person: [...BAD_CREDENTIALS, 'insufficient_scope', 'limit_exceeded', 'unavailable'],
  agent: [
    ...BAD_CREDENTIALS,
    'insufficient_scope',
    'agent_retired',
    'agent_revoked',
    'agent_stopped',
    'incarnation_superseded',
    'limit_exceeded',
    'unavailable',
  ],
  session: [...BAD_CREDENTIALS, 'unavailable'],
  container: [...BAD_CREDENTIALS, 'unavailable'],
  ticket: [...BAD_CREDENTIALS, 'unavailable'],
  anyone: ['unavailable'],
} as const satisfies Record<Caller | Anyone, readonly ProblemCode[]>;

interface Declared<P extends string> extends Omit<RouteConfig, 'path'> {
  readonly path: P;
  readonly operationId: string;
}

/**
 * Declares routes of one tag for one kind of caller. Beside the good answers that a route names, its declaration has each problem with
 * its codes: those of its caller, those of what it takes, those that are its own, and 500.
 */
export function routesOf(tag: string, caller: Caller | Anyone) {
  const callers = caller === 'anyone' ? [] : [caller];
  return <P extends string, R extends Declared<P>>(route: R, own: readonly ProblemCode[] = []) => {
    const ofTown = caller === 'person' && route.path.includes('{town}') ? (['insufficient_role'] as const) : [];
    const codes = [...OF_CALLER[caller], ...ofTown, ...problemsOfInput(route.request), ...own, 'internal' as const];
    return declareRoute(tag, callers, { ...route, responses: { ...route.responses, ...problemResponses(codes) } });
  };
}

/** Declares one route, which any of these callers may call; without any, no credential is shown in a header. */
export function declareRoute<P extends string, R extends Declared<P>>(
  tag: string,
  callers: readonly Caller[],
  route: R,
) {
  const declared: R = { ...route, tags: [tag], security: callers.map((caller) => ({ [caller]: [] })) };
  return createRoute(declared);
}

function problemsOfInput(request: RouteConfig['request']): ProblemCode[] {
  if (request === undefined) return [];
  const ofBody = request.body === undefined ? [] : (['invalid_body', 'payload_too_large'] as const);
  return ['invalid_request', ...ofBody, ...(request.params === undefined ? [] : (['not_found'] as const))];
}

/** One response for each status, whose schema names the codes that come with it. */
export function problemResponses(codes: readonly ProblemCode[]): RouteConfig['responses'] {
  const byStatus = Map.groupBy(new Set(codes), (code) => PROBLEMS[code].status);
  return Object.fromEntries(
    Array.from(byStatus, ([status, codes]) => [
      String(status),
      {
        description: codes.map((code) => PROBLEMS[code].title).join('; '),
        content: { 'application/problem+json': { schema: problemWith(codes) } },
      },
    ]),
  );
}

const problemWith = (codes: readonly ProblemCode[]) => ({
  allOf: [
    { $ref: '#/components/schemas/Problem' },
    {
      type: 'object' as const,
      required: ['code'],
      properties: { code: { type: 'string' as const, enum: [...codes] } },
    },
  ],
});
