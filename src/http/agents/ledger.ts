/** Routes for agents: their peers, mail and delegations. The caller is the token's, never in the path or the body (F12). */
import { z } from '@hono/zod-openapi';
import { formatTraceparent, makeId } from '#protocol';
import { randomBytes } from '#lib/secret.ts';
import { requireAgent } from '../edge/authenticate.ts';
import { API } from '../edge/api.ts';
import { routesOf } from '../edge/declare-route.ts';
import type { App, Edge, Guard } from '../edge/edge.ts';
import { answers, jsonBody, smallBody } from '../edge/route-parts.ts';
import * as s from '../edge/schemas.ts';
import { asAgent } from './as-agent.ts';

const route = routesOf('Agent calls', 'agent');

const ID_BYTES = 20;
const DELEGATIONS = '/v1/agent/delegations';
const delegationParams = z.object({ delegation: z.string().max(64) });

/** Peers, mail and delegations of agents. */
export function agentLedgerRoutes(app: App, edge: Edge): void {
  const agent = requireAgent(edge);
  listPeers(app, agent);
  sendMail(app, agent);
  readMail(app, agent);
  delegate(app, agent);
  readDelegation(app, agent);
  finishDelegation(app, agent);
}

function listPeers(app: App, agent: Guard): void {
  app.openapi(
    route({
      operationId: 'listPeers',
      method: 'get',
      path: '/v1/agent/peers',
      summary: 'The other live agents of the town',
      middleware: [agent] as const,
      request: { query: s.agentsQuery },
      responses: answers(200, API.Peers, 'A page of agents'),
    }),
    async (c) => {
      const { cursor: after, limit } = c.req.valid('query');
      return c.json(await asAgent(c, (self) => self.listPeers(after, limit)), 200);
    },
  );
}

function sendMail(app: App, agent: Guard): void {
  app.openapi(
    route(
      {
        operationId: 'sendMail',
        method: 'post',
        path: '/v1/agent/mail',
        summary: 'Write to another agent of the town; it reads it when it asks for its mail',
        middleware: [agent, smallBody] as const,
        request: { body: jsonBody(API.NewMail) },
        responses: answers(201, API.MailSent, 'It is in the inbox of its reader'),
      },
      ['not_found'],
    ),
    async (c) => {
      const mail = { ...c.req.valid('json'), id: makeId('mail', randomBytes(ID_BYTES)) };
      return c.json(await asAgent(c, (self) => self.sendMail(mail)), 201);
    },
  );
}

function readMail(app: App, agent: Guard): void {
  app.openapi(
    route({
      operationId: 'readMail',
      method: 'get',
      path: '/v1/agent/mail',
      summary: 'Unread mail, each text in a fence; a cursor says that everything up to it was read',
      middleware: [agent] as const,
      request: { query: s.mailQuery },
      responses: answers(200, API.MailPage, 'A page of mail; `next` is null where none is left'),
    }),
    async (c) => {
      const { cursor = null, limit } = c.req.valid('query');
      return c.json(await asAgent(c, (self) => self.readMail(cursor, limit)), 200);
    },
  );
}

function delegate(app: App, agent: Guard): void {
  app.openapi(
    route(
      {
        operationId: 'createDelegation',
        method: 'post',
        path: DELEGATIONS,
        summary: 'Hand a task to another agent of the town',
        middleware: [agent, smallBody] as const,
        request: { body: jsonBody(API.NewDelegation) },
        responses: answers(201, API.Delegation, 'The open delegation; its end is announced in a message'),
      },
      ['not_found', 'state_conflict'],
    ),
    async (c) => {
      const traceparent = formatTraceparent(c.get('trace'));
      const order = { ...c.req.valid('json'), id: makeId('dlg', randomBytes(ID_BYTES)), traceparent };
      return c.json(await asAgent(c, (self) => self.delegate(order)), 201);
    },
  );
}

function readDelegation(app: App, agent: Guard): void {
  app.openapi(
    route({
      operationId: 'getDelegation',
      method: 'get',
      path: `${DELEGATIONS}/{delegation}`,
      summary: 'Read a delegation, its task and its result, each text in a fence',
      middleware: [agent] as const,
      request: { params: delegationParams },
      responses: answers(200, API.DelegationWithText, 'The delegation'),
    }),
    async (c) => {
      const { delegation: id } = c.req.valid('param');
      return c.json(await asAgent(c, (self) => self.readDelegation(id)), 200);
    },
  );
}

function finishDelegation(app: App, agent: Guard): void {
  app.openapi(
    route(
      {
        operationId: 'finishDelegation',
        method: 'post',
        path: `${DELEGATIONS}/{delegation}/result`,
        summary: 'Say what came of a delegation; for its target alone',
        middleware: [agent, smallBody] as const,
        request: { params: delegationParams, body: jsonBody(API.DelegationResult) },
        responses: answers(200, API.Delegation, 'Stored; the same result again changes nothing'),
      },
      ['state_conflict'],
    ),
    async (c) => {
      const { delegation: id } = c.req.valid('param');
      const result = c.req.valid('json');
      return c.json(await asAgent(c, (self) => self.finishDelegation(id, result)), 200);
    },
  );
}
