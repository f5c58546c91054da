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
import type { AgentRequest, RequestRefusal } from '../../town/calls/agent-requests.ts';
import { requireAgent } from '../edge/authenticate.ts';
import type { App, Edge, EdgeEnv, Guard } from '../edge/edge.ts';
import { Refusal } from '../edge/problem.ts';
import { answers, jsonBody, smallBody } from '../edge/route-parts.ts';
import * as s from '../edge/schemas.ts';

const ID_BYTES = 20;
const DELEGATIONS = '/v1/agent/delegations';
const delegationParams = z.object({ delegation: z.string().max(64) });
const mailQuery = s.seqQuery.extend({ cursor: s.whole(0).optional() });

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
      return c.json(await ask(c, peersSchema, { kind: 'list_peers', after, limit }), 200);
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
      responses: answers(201, mailSentSchema, 'It is in the box of its reader'),
    }),
    async (c) => {
      const mail = { ...c.req.valid('json'), id: makeId('mail', randomBytes(ID_BYTES)) };
      return c.json(await ask(c, mailSentSchema, { kind: 'send_mail', mail }), 201);
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
      return c.json(await ask(c, mailPageSchema, { kind: 'read_mail', cursor, limit }), 200);
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
      return c.json(await ask(c, delegationSchema, { kind: 'delegate', order }), 201);
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
      return c.json(await ask(c, delegationWithTextSchema, { kind: 'read_delegation', id }), 200);
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
      return c.json(await ask(c, delegationSchema, { kind: 'finish_delegation', id, result }), 200);
    },
  );
}

type Caller = { get<K extends 'town' | 'agent'>(key: K): EdgeEnv['Variables'][K] };

/** One call of the town. Its answers have a schema per kind of request, which tells them apart. */
async function ask<T>(c: Caller, answer: z.ZodType<T>, request: AgentRequest): Promise<T> {
  const answered = await c.get('town').callAsAgent(c.get('agent'), request);
  if (!answered.ok) throw REFUSALS[answered.error]();
  return answer.parse(answered.value);
}

const DEEP = { detail: 'The chain of delegations is as long as one may be.' };
const PARENT = { detail: 'The parent is not an open delegation to the caller.' };

/** What the caller is told. A signed token of a town that is not there is no better than a forged one, and is told no more. */
const REFUSALS: Readonly<Record<RequestRefusal | 'not_found', () => Refusal>> = {
  not_found: () => new Refusal('invalid_token'),
  unknown_peer: () => new Refusal('not_found'),
  unknown_delegation: () => new Refusal('not_found'),
  to_oneself: () => new Refusal('invalid_request', { errors: [{ path: 'to', message: 'must be another agent' }] }),
  parent_not_open: () => new Refusal('state_conflict', PARENT),
  too_deep: () => new Refusal('state_conflict', DEEP),
  delegation_over: () => new Refusal('state_conflict', { detail: 'The delegation is over.' }),
  agent_retired: () => new Refusal('agent_retired'),
  agent_revoked: () => new Refusal('agent_revoked'),
  agent_stopped: () => new Refusal('agent_stopped'),
  incarnation_superseded: () => new Refusal('incarnation_superseded'),
  invalid_token: () => new Refusal('invalid_token'),
  insufficient_scope: () => new Refusal('insufficient_scope'),
  limit_exceeded: () => new Refusal('limit_exceeded'),
};
