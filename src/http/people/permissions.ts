/** Routes for people: what their agents ask before they act. */
import { z } from '@hono/zod-openapi';
import type { AnswerRefusal } from '../../town/delivery/answer-permission.ts';
import { requirePerson, requireTown } from '../edge/authenticate.ts';
import { API } from '../edge/api.ts';
import { routesOf } from '../edge/declare-route.ts';
import type { App, Edge, Guard } from '../edge/edge.ts';
import { Refusal, orRefuse } from '../edge/problem.ts';
import { answers, jsonBody, smallBody } from '../edge/route-parts.ts';
import * as s from '../edge/schemas.ts';
import { asPerson } from '../edge/as-person.ts';

const route = routesOf('Permissions', 'person');

const PERMISSIONS = '/v1/towns/{town}/permissions';
const PERMISSION = `${PERMISSIONS}/{permission}` as const;

const params = s.townParams.extend({ permission: z.string().max(64) });
const query = s.seqQuery.extend({
  state: z.enum(['open', 'all']).default('open').openapi({ description: 'open: what is not over' }),
});

/** What agents ask, and the answers of people. */
export function permissionRoutes(app: App, edge: Edge): void {
  const inTown = [requirePerson(edge), requireTown(edge)];
  listPermissions(app, inTown);
  readPermission(app, inTown);
  answerPermission(app, inTown);
}

function listPermissions(app: App, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'listPermissions',
      method: 'get',
      path: PERMISSIONS,
      summary: 'List what agents ask, in the order in which they asked',
      middleware: inTown,
      request: { params: s.townParams, query },
      responses: answers(200, API.PermissionPage, 'A page of permissions'),
    }),
    async (c) => {
      const { cursor, limit, state } = c.req.valid('query');
      const page = await orRefuse(asPerson(c, (me) => me.listPermissions(state === 'open', cursor, limit)));
      return c.json(page, 200);
    },
  );
}

function readPermission(app: App, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'getPermission',
      method: 'get',
      path: PERMISSION,
      summary: 'Read what an agent asks, and what became of it',
      middleware: inTown,
      request: { params },
      responses: answers(200, API.Permission, 'The permission'),
    }),
    async (c) => {
      const found = await orRefuse(asPerson(c, (me) => me.getPermission(c.req.valid('param').permission)));
      return c.json(found, 200);
    },
  );
}

function answerPermission(app: App, inTown: Guard[]): void {
  app.openapi(
    route(
      {
        operationId: 'answerPermission',
        method: 'post',
        path: PERMISSION,
        summary: 'Answer what an agent asks',
        description:
          'With the `option` by its id, with the `kind` of an option that the agent offers, or with `cancelled`. The answer is stored ' +
          'and sent until the agent has it; the same answer again changes nothing.',
        middleware: [...inTown, smallBody],
        request: { params, body: jsonBody(API.PermissionAnswer) },
        responses: {
          ...answers(200, API.Permission, 'The agent has the answer'),
          ...answers(202, API.Permission, 'The answer is stored; its container has yet to take it'),
        },
      },
      ['state_conflict'],
    ),
    async (c) => {
      const answer = c.req.valid('json');
      const choice = 'cancelled' in answer ? null : answer;
      const answered = await asPerson(c, (me) => me.answerPermission(c.req.valid('param').permission, choice));
      if (answered.ok) return c.json(answered.value, answered.value.state === 'answered' ? 202 : 200);
      throw REFUSALS[answered.error];
    },
  );
}

const REFUSALS = {
  not_found: new Refusal('not_found'),
  over: new Refusal('state_conflict', { detail: 'It is over, or has another answer.' }),
  unknown_option: new Refusal('invalid_request', { errors: [{ path: '', message: 'must be one of its options' }] }),
} as const satisfies Record<AnswerRefusal | 'not_found', Refusal>;
