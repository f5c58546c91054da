/** Routes for people: what their agents delegate to each other. */
import { createRoute } from '@hono/zod-openapi';
import { delegationSchema, pageOf } from '#protocol';
import { requirePerson, requireTown } from '../edge/authenticate.ts';
import type { App, Edge } from '../edge/edge.ts';
import { Refusal } from '../edge/problem.ts';
import { answers } from '../edge/route-parts.ts';
import * as s from '../edge/schemas.ts';

/** Delegations of a town, for people to read. */
export function delegationRoutes(app: App, edge: Edge): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: '/v1/towns/{town}/delegations',
      summary: 'List the delegations of a town in the order of their making: ids, states and times',
      middleware: [requirePerson(edge), requireTown(edge)],
      request: { params: s.townParams, query: s.seqQuery },
      responses: answers(200, pageOf(delegationSchema), 'A page of delegations'),
    }),
    async (c) => {
      const { cursor, limit } = c.req.valid('query');
      const page = await c.get('town').listDelegations(cursor, limit);
      if (!page.ok) throw new Refusal(page.error);
      return c.json(page.value, 200);
    },
  );
}
