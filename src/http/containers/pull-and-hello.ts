/** Routes for containers: a control server says hello, and pulls tokens with its session's secret. */
import { z, type OpenAPIHono } from '@hono/zod-openapi';
import { agentIdSchema, containerNameSchema, splitContainerName, type TownId } from '#protocol';
import { sideBySide, within } from '#lib/clock.ts';
import { sha256 } from '#lib/secret.ts';
import { messageOf } from '#lib/result.ts';
import type { PullRefusal } from '../../town/credentials/pull-token.ts';
import type { Closed } from '../../town/town-gate.ts';
import { requireBearer, requireContainerSecret } from '../edge/authenticate.ts';
import { API } from '../edge/api.ts';
import { routesOf } from '../edge/declare-route.ts';
import { edgeOfRequest, type Edge, type EdgeEnv } from '../edge/edge.ts';
import { Refusal } from '../edge/problem.ts';
import { answers, jsonBody, smallBody } from '../edge/route-parts.ts';

const bySession = routesOf('Containers', 'session');
const bySecret = routesOf('Containers', 'container');

/** Towns in one page of the directory. */
const HELLO_PAGE = 100;
/**
 * Towns that are informed of a hello side by side: far more than may hang at once, since each keeps its worker for all its
 * time.
 */
const HELLO_WORKERS = 32;
/**
 * Longest time (ms) for one town, which answers sooner by itself; and for one page, for the first of which the control
 * server waits.
 */
const TOWN_TIMEOUT_MS = 8000;
const PAGE_TIMEOUT_MS = 5000;

/** What control servers call: the hello, and the pull of a token. */
export function containerRoutes(app: OpenAPIHono<EdgeEnv>, edge: Edge): void {
  hello(app, edge);
  pullToken(app, edge);
}

function hello(app: OpenAPIHono<EdgeEnv>, edge: Edge): void {
  app.openapi(
    bySecret({
      operationId: 'sayHello',
      method: 'post',
      path: '/v1/container/hello',
      summary: 'A control server came up; a hint, nothing is taken from it',
      middleware: [requireContainerSecret(edge), smallBody] as const,
      request: { body: jsonBody(API.Hello) },
      responses: answers(202, API.HelloAnswer, 'Passed on to the towns'),
    }),
    async (c) => {
      // A directory that cannot be read is an error: the control server says hello again. It waits for no town.
      const own = edgeOfRequest(edge, c);
      const first = await pageAfter(edge, '').catch((thrown: unknown) => {
        own.log.error('hello.page_failed', { error: messageOf(thrown) });
        throw new Refusal('unavailable');
      });
      c.executionCtx.waitUntil(passHelloOn(own, first));
      return c.json({ status: 'accepted' as const }, 202);
    },
  );
}

function pullToken(app: OpenAPIHono<EdgeEnv>, edge: Edge): void {
  app.openapi(
    bySession(
      {
        operationId: 'pullToken',
        method: 'post',
        path: '/v1/container/{container}/agents/{agent}/token',
        summary: 'A container asks for a fresh token of one of its agents',
        middleware: [requireBearer, smallBody] as const,
        request: { params: z.object({ container: z.string(), agent: z.string() }), body: jsonBody(API.Pull) },
        responses: answers(200, API.IssuedToken, 'A fresh token'),
      },
      ['agent_retired', 'agent_revoked', 'agent_stopped'],
    ),
    async (c) => {
      const container = containerNameSchema.safeParse(c.req.valid('param').container);
      // Whatever is wrong with the name looks like a wrong secret, and no Durable Object comes into being (M-13).
      if (!container.success) throw new Refusal('invalid_token');
      const { town, index } = splitContainerName(container.data);
      if ((await edge.directory.get(town)) === null) throw new Refusal('invalid_token');
      const agent = agentIdSchema.safeParse(c.req.valid('param').agent);
      const pulled = await edge.town(town).pull({
        ...c.req.valid('json'),
        container: index,
        // An id that cannot be one is looked up like any other, after the container has proved itself.
        agent: agent.success ? agent.data : 'agt_',
        secretDigest: await sha256(c.get('bearer')),
      });
      if (!pulled.ok) throw refusalOf(pulled.error);
      c.set('caller', { kind: 'session', town });
      c.header('cache-control', 'no-store');
      return c.json(pulled.value, 200);
    },
  );
}

function refusalOf(error: PullRefusal | Closed): Refusal {
  if (error === 'closed') return new Refusal('unavailable');
  return new Refusal(error === 'unauthenticated' ? 'invalid_token' : error);
}

/**
 * Page by page, by key, several towns at once. Each has its own time: one that hangs or fails is logged, delays one worker, and
 * leaves the others alone (F9). Never rejects.
 */
async function passHelloOn(edge: Edge, first: readonly TownId[]): Promise<void> {
  await sideBySide(HELLO_WORKERS, townsOf(edge, first), async (town) => {
    try {
      await within(TOWN_TIMEOUT_MS, Promise.resolve<unknown>(edge.town(town).hello()));
    } catch (thrown) {
      edge.log.error('hello.town_failed', { town, error: messageOf(thrown) });
    }
  });
}

async function* townsOf(edge: Edge, first: readonly TownId[]): AsyncGenerator<TownId, void> {
  let page = first;
  yield* page;
  while (page.length === HELLO_PAGE) {
    try {
      page = await pageAfter(edge, page.at(-1) ?? '');
    } catch (thrown) {
      edge.log.error('hello.page_failed', { error: messageOf(thrown) });
      return;
    }
    yield* page;
  }
}

function pageAfter(edge: Edge, after: string): Promise<TownId[]> {
  return within(PAGE_TIMEOUT_MS, edge.directory.pageOfIds(after, HELLO_PAGE));
}
