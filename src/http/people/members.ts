/** Routes for people: who they are, and who belongs to a town. */
import { timestamp } from '#lib/clock.ts';
import { requirePerson, requireTown } from '../edge/authenticate.ts';
import { API } from '../edge/api.ts';
import { routesOf } from '../edge/declare-route.ts';
import type { App, Edge, Guard } from '../edge/edge.ts';
import { orRefuse } from '../edge/problem.ts';
import { answers, jsonBody, smallBody } from '../edge/route-parts.ts';
import * as s from '../edge/schemas.ts';
import { asPerson } from '../edge/as-person.ts';

const route = routesOf('Members', 'person');

const MEMBERS = '/v1/towns/{town}/members';
const MEMBER = `${MEMBERS}/{subject}` as const;

/** The caller, and the members of towns: list, invite, change, remove. */
export function memberRoutes(app: App, edge: Edge): void {
  const person = requirePerson(edge);
  const inTown = [person, requireTown(edge)];
  readCaller(app, person);
  listMembers(app, inTown);
  putMember(app, inTown);
  removeMember(app, inTown);
}

function readCaller(app: App, person: Guard): void {
  app.openapi(
    route({
      operationId: 'getCaller',
      method: 'get',
      path: '/v1/me',
      summary: 'Read who you are here: the subject by which others invite you, and what your credential allows',
      middleware: [person],
      responses: answers(200, API.Caller, 'The caller'),
    }),
    (c) => {
      const { id, scope, endsAtMs } = c.get('person');
      return c.json({ subject: id, scope, expires_at: timestamp(endsAtMs) }, 200);
    },
  );
}

function listMembers(app: App, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'listMembers',
      method: 'get',
      path: MEMBERS,
      summary: 'List the members of a town, in the order of their subjects',
      middleware: inTown,
      request: { params: s.townParams, query: s.membersQuery },
      responses: answers(200, API.MemberPage, 'A page of members'),
    }),
    async (c) => {
      const { cursor, limit } = c.req.valid('query');
      const page = await orRefuse(asPerson(c, (me) => me.listMembers(cursor, limit)));
      return c.json(page, 200);
    },
  );
}

function putMember(app: App, inTown: Guard[]): void {
  app.openapi(
    route(
      {
        operationId: 'putMember',
        method: 'put',
        path: MEMBER,
        summary: 'Invite a person, or change the role of a member',
        description: 'It holds from the answer on, and takes an owner. The same again changes nothing.',
        middleware: [...inTown, smallBody],
        request: { params: s.memberParams, body: jsonBody(API.MemberOrder) },
        responses: { ...answers(200, API.Member, 'The member'), ...answers(201, API.Member, 'The new member') },
      },
      ['last_owner'],
    ),
    async (c) => {
      const order = { person: c.req.valid('param').subject, role: c.req.valid('json').role };
      const put = await orRefuse(asPerson(c, (me) => me.putMember(order)));
      return put.isNew ? c.json(put.member, 201) : c.json(put.member, 200);
    },
  );
}

function removeMember(app: App, inTown: Guard[]): void {
  app.openapi(
    route(
      {
        operationId: 'removeMember',
        method: 'delete',
        path: MEMBER,
        summary: 'Remove a member, or leave a town',
        description:
          'Their streams end with it. An owner removes any member, and everyone themselves; the last owner stays.',
        middleware: inTown,
        request: { params: s.memberParams },
        responses: answers(200, API.Member, 'The member that was'),
      },
      ['last_owner'],
    ),
    async (c) => {
      const removed = await orRefuse(asPerson(c, (me) => me.removeMember(c.req.valid('param').subject)));
      return c.json(removed, 200);
    },
  );
}
