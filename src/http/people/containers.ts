/** Routes for people: the containers of a town. */
import { requirePerson, requireTown } from '../edge/authenticate.ts';
import { API } from '../edge/api.ts';
import { routesOf } from '../edge/declare-route.ts';
import type { App, Edge } from '../edge/edge.ts';
import { orRefuse } from '../edge/problem.ts';
import { answers } from '../edge/route-parts.ts';
import * as s from '../edge/schemas.ts';
import { asPerson } from '../edge/as-person.ts';

const route = routesOf('Towns', 'person');

/** Containers of a town, for people to read. */
export function townContainerRoutes(app: App, edge: Edge): void {
  app.openapi(
    route({
      operationId: 'listContainers',
      method: 'get',
      path: '/v1/towns/{town}/containers',
      summary: 'List the containers of a town, by what the town knows of them: none is asked, woken or kept awake',
      middleware: [requirePerson(edge), requireTown(edge)],
      request: { params: s.townParams },
      responses: answers(200, API.ContainerList, 'Every container of the town'),
    }),
    async (c) => c.json(await orRefuse(asPerson(c, (me) => me.listContainers())), 200),
  );
}
