/** Routes for agents: their peers, mail and delegations. The caller is the token's, never in the path or the body (F12). */
import { createRoute, z } from '@hono/zod-openapi';
import {
  delegationResultSchema,
  delegationSchema,
  delegationWithTextSchema,
  mailPageSchema,
  mailSentSchema,
  makeId,
  newDelegationSchema,
  newMailSchema,
  peersSchema,
} from '#protocol';
import { randomBytes } from '#lib/secret.ts';
import { requireAgent } from '../edge/authenticate.ts';
import type { App, Edge, Guard } from '../edge/edge.ts';
import { answers, jsonBody, smallBody } from '../edge/route-parts.ts';
import * as s from '../edge/schemas.ts';
import { asAgent } from './as-agent.ts';

const ID_BYTES = 20;
const DELEGATIONS = '/v1/agent/delegations';
const delegationParams = z.object({ delegation: z.string().max(64) });
const mailQuery = s.seqQuery.extend({ cursor: s.whole(0).optional() });

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
    createRoute({
      method: 'get',
      path: '/v1/agent/peers',
      summary: 'The other live agents of the town',
      middleware: [agent] as const,
      request: { query: s.agentsQuery },
      responses: answers(200, peersSchema, 'A page of agents'),
    }),
    async (c) => {
      const { cursor: after, limit } = c.req.valid('query');
      return c.json(await asAgent(c, (self) => self.listPeers(after, limit)), 200);
    },
  );
}

function sendMail(app: App, agent: Guard): void {
  app.openapi(
    createRoute({
      method: 'post',
      path: '/v1/agent/mail',
      summary: 'Write to another agent of the town; it reads it when it asks for its mail',
      middleware: [agent, smallBody] as const,
      request: { body: jsonBody(newMailSchema) },
      responses: answers(201, mailSentSchema, 'It is in the inbox of its reader'),
    }),
    async (c) => {
      const mail = { ...c.req.valid('json'), id: makeId('mail', randomBytes(ID_BYTES)) };
      return c.json(await asAgent(c, (self) => self.sendMail(mail)), 201);
    },
  );
}

function readMail(app: App, agent: Guard): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: '/v1/agent/mail',
      summary: 'Unread mail, each text in a fence; a cursor says that everything up to it was read',
      middleware: [agent] as const,
      request: { query: mailQuery },
      responses: answers(200, mailPageSchema, 'A page of mail; `next` is null where none is left'),
    }),
    async (c) => {
      const { cursor = null, limit } = c.req.valid('query');
      return c.json(await asAgent(c, (self) => self.readMail(cursor, limit)), 200);
    },
  );
}

function delegate(app: App, agent: Guard): void {
  app.openapi(
    createRoute({
      method: 'post',
      path: DELEGATIONS,
      summary: 'Hand a task to another agent of the town',
      middleware: [agent, smallBody] as const,
      request: { body: jsonBody(newDelegationSchema) },
      responses: answers(201, delegationSchema, 'The open delegation; its end is announced in a message'),
    }),
    async (c) => {
      const order = { ...c.req.valid('json'), id: makeId('dlg', randomBytes(ID_BYTES)) };
      return c.json(await asAgent(c, (self) => self.delegate(order)), 201);
    },
  );
}

function readDelegation(app: App, agent: Guard): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: `${DELEGATIONS}/{delegation}`,
      summary: 'Read a delegation, its task and its result, each text in a fence',
      middleware: [agent] as const,
      request: { params: delegationParams },
      responses: answers(200, delegationWithTextSchema, 'The delegation'),
    }),
    async (c) => {
      const { delegation: id } = c.req.valid('param');
      return c.json(await asAgent(c, (self) => self.readDelegation(id)), 200);
    },
  );
}

function finishDelegation(app: App, agent: Guard): void {
  app.openapi(
    createRoute({
      method: 'post',
      path: `${DELEGATIONS}/{delegation}/result`,
      summary: 'Say what came of a delegation; for its target alone',
      middleware: [agent, smallBody] as const,
      request: { params: delegationParams, body: jsonBody(delegationResultSchema) },
      responses: answers(200, delegationSchema, 'Stored; the same result again changes nothing'),
    }),
    async (c) => {
      const { delegation: id } = c.req.valid('param');
      const result = c.req.valid('json');
      return c.json(await asAgent(c, (self) => self.finishDelegation(id, result)), 200);
    },
  );
}
