/** Routes for containers: a control server says hello, and pulls tokens with its session's secret. */
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import {
  agentIdSchema,
  containerNameSchema,
  grantSchema,
  helloAnswerSchema,
  helloSchema,
  pullSchema,
  splitContainerName,
  type TownId,
} from '#protocol';
import { sha256 } from '../lib/secret.ts';
import { messageOf } from '../lib/result.ts';
import { requireBearer, requireContainerSecret } from './authenticate.ts';
import type { Edge, EdgeEnv } from './edge.ts';
import { Refusal } from './problem.ts';
import { answers, jsonBody, smallBody } from './route-parts.ts';

/** Towns that are told of a hello side by side: a page of the directory. */
const HELLO_PAGE = 100;

export function containerRoutes(app: OpenAPIHono<EdgeEnv>, edge: Edge): void {
  hello(app, edge);
  pullToken(app, edge);
}

function hello(app: OpenAPIHono<EdgeEnv>, edge: Edge): void {
  app.openapi(
    createRoute({
      method: 'post',
      path: '/v1/container/hello',
      summary: 'A control server came up; a hint, nothing is taken from it',
      middleware: [requireContainerSecret(edge), smallBody] as const,
      request: { body: jsonBody(helloSchema) },
      responses: answers(202, helloAnswerSchema, 'Passed on to the towns'),
    }),
    async (c) => {
      c.executionCtx.waitUntil(passHelloOn(edge));
      return c.json({ status: 'accepted' as const }, 202);
    },
  );
}

function pullToken(app: OpenAPIHono<EdgeEnv>, edge: Edge): void {
  app.openapi(
    createRoute({
      method: 'post',
      path: '/v1/container/{container}/agents/{agent}/token',
      summary: 'A container asks for a fresh token of one of its agents',
      middleware: [requireBearer, smallBody] as const,
      request: { params: z.object({ container: z.string(), agent: z.string() }), body: jsonBody(pullSchema) },
      responses: answers(200, grantSchema, 'A fresh token'),
    }),
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
      if (!pulled.ok) throw new Refusal(pulled.error === 'unauthenticated' ? 'invalid_token' : pulled.error);
      c.header('cache-control', 'no-store');
      return c.json(pulled.value, 200);
    },
  );
}

/** Page by page, by key. A town that fails is logged and leaves the others alone (F9). */
async function passHelloOn(edge: Edge): Promise<void> {
  let page: TownId[] = [];
  do {
    page = await edge.directory.pageOfIds(page.at(-1) ?? '', HELLO_PAGE);
    await Promise.all(
      page.map(async (town) => {
        try {
          await edge.town(town).hello();
        } catch (thrown) {
          edge.log.error('hello.town_failed', { town, error: messageOf(thrown) });
        }
      }),
    );
  } while (page.length === HELLO_PAGE);
}
