/** Routes for people: what their agents delegate to each other. */
import { requirePerson, requireTown } from '../edge/authenticate.ts';
import { API } from '../edge/api.ts';
import { routesOf } from '../edge/declare-route.ts';
import type { App, Edge } from '../edge/edge.ts';
import { orRefuse } from '../edge/problem.ts';
import { answers } from '../edge/route-parts.ts';
import * as s from '../edge/schemas.ts';
import { asPerson } from '../edge/as-person.ts';

const route = routesOf('Delegations', 'person');

/** Delegations of a town, for people to read. */
export function delegationRoutes(app: App, edge: Edge): void {
  app.openapi(
    route({
      operationId: 'listDelegations',
      method: 'get',
      path: '/v1/towns/{town}/delegations',
      summary: 'List the delegations of a town in the order of their making: ids, states and times',
      middleware: [requirePerson(edge), requireTown(edge)],
      request: { params: s.townParams, query: s.seqQuery },
      responses: answers(200, API.DelegationPage, 'A page of delegations'),
    }),
    async (c) => {
      const { cursor, limit } = c.req.valid('query');
      const page = await orRefuse(asPerson(c, (me) => me.listDelegations(cursor, limit)));
      return c.json(page, 200);
    },
  );
}
