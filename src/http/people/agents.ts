/** Routes for people: agents. */
import { MAX_RETIRED_AGENTS, makeId, ROLES } from '#protocol';
import { randomBytes } from '#lib/secret.ts';
import { requirePerson, requireTown } from '../edge/authenticate.ts';
import { API } from '../edge/api.ts';
import { routesOf } from '../edge/declare-route.ts';
import type { App, Edge, Guard } from '../edge/edge.ts';
import { Refusal, orRefuse } from '../edge/problem.ts';
import { answers, jsonBody, smallBody } from '../edge/route-parts.ts';
import { runtimeOf } from '../edge/runtime-order.ts';
import * as s from '../edge/schemas.ts';
import { asPerson } from '../edge/as-person.ts';

const route = routesOf('Agents', 'person');

const AGENTS = '/v1/towns/{town}/agents';
const AGENT = `${AGENTS}/{agent}` as const;

/** Agents of a person's town. */
export function agentRoutes(app: App, edge: Edge): void {
  const inTown = [requirePerson(edge), requireTown(edge)];
  createAgent(app, edge, inTown);
  listAgents(app, inTown);
  readAgent(app, inTown);
  readCredential(app, inTown);
  changeAgent(app, edge, inTown);
  tearDown(app, inTown);
  verbs(app, inTown);
  refreshAgent(app, inTown);
}

function createAgent(app: App, edge: Edge, inTown: Guard[]): void {
  app.openapi(
    route(
      {
        operationId: 'createAgent',
        method: 'post',
        path: AGENTS,
        summary: 'Create and start an agent',
        middleware: [...inTown, smallBody],
        request: { params: s.townParams, body: jsonBody(API.NewAgent) },
        responses: answers(201, API.Agent, 'The agent; `starting` where its container is not reached yet'),
      },
      ['name_taken'],
    ),
    async (c) => {
      const { name, role, scopes, runtime: order } = c.req.valid('json');
      const runtime = runtimeOf(edge.config, order);
      const agent = { id: makeId('agt', randomBytes(20)), name, role, scopes: scopes ?? ROLES[role], runtime };
      const created = await orRefuse(asPerson(c, (me) => me.createAgent(agent)));
      return c.json(created, 201);
    },
  );
}

function listAgents(app: App, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'listAgents',
      method: 'get',
      path: AGENTS,
      summary: 'List agents, the latest retired ones too',
      description:
        `Of agents that are retired at least the latest ${MAX_RETIRED_AGENTS} are kept. One that was retired before them may be ` +
        'forgotten: then neither it nor its messages are found any more, and no other agent ever has its id.',
      middleware: inTown,
      request: { params: s.townParams, query: s.agentsQuery },
      responses: answers(200, API.AgentPage, 'A page of agents'),
    }),
    async (c) => {
      const { cursor, limit } = c.req.valid('query');
      const agents = await orRefuse(asPerson(c, (me) => me.listAgents(cursor, limit)));
      return c.json(agents, 200);
    },
  );
}

function readAgent(app: App, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'getAgent',
      method: 'get',
      path: AGENT,
      summary: 'Read an agent and the health of its credential',
      middleware: inTown,
      request: { params: s.agentParams },
      responses: answers(200, API.Agent, 'The agent'),
    }),
    async (c) => {
      const agent = await orRefuse(asPerson(c, (me) => me.getAgent(c.req.valid('param').agent)));
      return c.json(agent, 200);
    },
  );
}

function readCredential(app: App, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'getCredential',
      method: 'get',
      path: `${AGENT}/credential`,
      summary: 'Read what was issued to an agent and what became of it, and what its calls were refused for',
      middleware: inTown,
      request: { params: s.agentParams },
      responses: answers(200, API.Credential, 'Its tokens and the refusals of its calls, the newest first'),
    }),
    async (c) => {
      const credential = await orRefuse(asPerson(c, (me) => me.getCredential(c.req.valid('param').agent)));
      return c.json(credential, 200);
    },
  );
}

function changeAgent(app: App, edge: Edge, inTown: Guard[]): void {
  app.openapi(
    route(
      {
        operationId: 'updateAgent',
        method: 'patch',
        path: AGENT,
        summary: 'Change the role and the runtime of an agent, from its next start on, and its scopes',
        description:
          'A scope that is taken away is refused at once; one that is given comes with the next token. Scopes do not follow ' +
          'the role: what is left out stays as it is, and must be within the scopes of the role.',
        middleware: [...inTown, smallBody],
        request: { params: s.agentParams, body: jsonBody(API.AgentChange) },
        responses: answers(200, API.Agent, 'The agent'),
      },
      ['state_conflict'],
    ),
    async (c) => {
      const { role, scopes, runtime: order } = c.req.valid('json');
      const runtime = order === undefined ? undefined : runtimeOf(edge.config, order);
      const changed = await asPerson(c, (me) => me.changeAgent(c.req.valid('param').agent, { role, scopes, runtime }));
      if (changed.ok) return c.json(changed.value, 200);
      if (changed.error === 'beyond_role') {
        throw new Refusal('invalid_request', { errors: [{ path: 'scopes', message: s.BEYOND_ROLE }] });
      }
      if (changed.error === 'agent_retired') throw new Refusal('state_conflict', RETIRED);
      throw new Refusal(changed.error);
    },
  );
}

function tearDown(app: App, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'deleteAgent',
      method: 'delete',
      path: AGENT,
      summary: 'Tear an agent down for good',
      middleware: inTown,
      request: { params: s.agentParams },
      responses: {
        ...answers(200, API.Agent, 'Process and registry key are gone'),
        ...answers(202, API.Agent, 'Its token is refused; the container has yet to confirm'),
      },
    }),
    async (c) => {
      const retired = await orRefuse(asPerson(c, (me) => me.retireAgent(c.req.valid('param').agent)));
      return c.json(retired.agent, retired.confirmed ? 200 : 202);
    },
  );
}

function verbs(app: App, inTown: Guard[]): void {
  for (const verb of ['start', 'stop', 'revoke'] as const) {
    app.openapi(
      route(
        {
          operationId: `${verb}Agent`,
          method: 'post',
          path: `${AGENT}/${verb}`,
          summary: SUMMARY[verb],
          middleware: inTown,
          request: { params: s.agentParams },
          responses: answers(200, API.Agent, 'The agent'),
        },
        ['state_conflict'],
      ),
      async (c) => {
        const before = await orRefuse(asPerson(c, (me) => me.getAgent(c.req.valid('param').agent)));
        if (before.state === 'retired') throw new Refusal('state_conflict', RETIRED);
        const agent = await orRefuse(asPerson(c, (me) => me[`${verb}Agent`](before.id)));
        return c.json(agent, 200);
      },
    );
  }
}

function refreshAgent(app: App, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'refreshAgent',
      method: 'post',
      path: `${AGENT}/refresh`,
      summary: 'Refresh the token of one agent now',
      middleware: [...inTown, smallBody],
      request: { params: s.agentParams, body: jsonBody(API.Refresh) },
      responses: answers(200, API.SweepReport, 'What the container did'),
    }),
    async (c) => {
      const report = await orRefuse(
        asPerson(c, (me) => me.refreshAgent(c.req.valid('param').agent, c.req.valid('json').revoke_older)),
      );
      return c.json(report, 200);
    },
  );
}

const RETIRED = { detail: 'The agent is retired.' };

const SUMMARY = {
  start: 'Start an agent, also a stopped or revoked one',
  stop: 'Stop an agent; its messages wait',
  revoke: 'Refuse all tokens of an agent until it is started again',
} as const;
