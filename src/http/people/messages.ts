/** Routes for people: messages to an agent, their replies, and the end of what should not go on. */
import { formatTraceparent, makeId, type MessageView } from '#protocol';
import { randomBytes } from '#lib/secret.ts';
import { isFinal } from '../../outbox/message.ts';
import { requirePerson, requireTown } from '../edge/authenticate.ts';
import { API } from '../edge/api.ts';
import { routesOf } from '../edge/declare-route.ts';
import type { App, Edge, EdgeEnv, Guard } from '../edge/edge.ts';
import { idempotencyKeyOf } from '../edge/idempotency-key.ts';
import { waitSeconds } from './prefer-wait.ts';
import { untilFinished } from '../edge/until-finished.ts';
import { Refusal, orRefuse } from '../edge/problem.ts';
import { answers, jsonBody, messageBody } from '../edge/route-parts.ts';
import * as s from '../edge/schemas.ts';
import { asPerson } from '../edge/as-person.ts';

const route = routesOf('Messages', 'person');

const AGENT = '/v1/towns/{town}/agents/{agent}';
const MESSAGES = `${AGENT}/messages` as const;

/** Messages to an agent: send, list, read, cancel, interrupt. */
export function messageRoutes(app: App, edge: Edge): void {
  const inTown = [requirePerson(edge), requireTown(edge)];
  sendMessage(app, edge, inTown);
  listMessages(app, inTown);
  readMessage(app, edge, inTown);
  cancelMessage(app, inTown);
  interruptAgent(app, inTown);
}

function sendMessage(app: App, edge: Edge, inTown: Guard[]): void {
  app.openapi(
    route(
      {
        operationId: 'sendMessage',
        method: 'post',
        path: MESSAGES,
        summary: 'Send a message to an agent',
        middleware: [...inTown, messageBody],
        request: { params: s.agentParams, headers: s.sendHeaders, body: jsonBody(API.NewMessage) },
        responses: {
          ...answers(202, API.Message, 'Accepted: stored, and delivered in order'),
          ...answers(200, API.Message, 'Its turn is over: `Prefer: wait` was applied'),
        },
      },
      ['state_conflict', 'idempotency_key_reused'],
    ),
    async (c) => {
      const { content, idempotency_key: field } = c.req.valid('json');
      const idempotencyKey = idempotencyKeyOf(c.req.header('idempotency-key'), field);
      const order = {
        id: makeId('msg', randomBytes(20)),
        content,
        idempotencyKey,
        traceparent: formatTraceparent(c.get('trace')),
      };
      const sent = await asPerson(c, (me) => me.sendMessage(c.req.valid('param').agent, order));
      if (!sent.ok) throw refused(sent.error);
      const waited = await waitFor(edge, c, sent.value);
      if (waited.applied === null || !isFinal(waited.message.state)) return c.json(waited.message, 202);
      c.header('Preference-Applied', waited.applied);
      return c.json(waited.message, 200);
    },
  );
}

function listMessages(app: App, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'listMessages',
      method: 'get',
      path: MESSAGES,
      summary: 'List the messages of an agent, the oldest or the newest first',
      middleware: inTown,
      request: { params: s.agentParams, query: s.messagesQuery },
      responses: answers(200, API.MessagePage, 'A page of messages'),
    }),
    async (c) => {
      const { cursor = null, limit, order } = c.req.valid('query');
      const query = { order, cursor, limit };
      const messages = await orRefuse(asPerson(c, (me) => me.listMessages(c.req.valid('param').agent, query)));
      return c.json(messages, 200);
    },
  );
}

function readMessage(app: App, edge: Edge, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'getMessage',
      method: 'get',
      path: `${MESSAGES}/{message}`,
      summary: 'Read a message, its state and its reply',
      middleware: inTown,
      request: { params: s.messageParams, headers: s.waitHeaders },
      responses: answers(200, API.Message, 'The message'),
    }),
    async (c) => {
      const { agent, message } = c.req.valid('param');
      const found = await orRefuse(asPerson(c, (me) => me.getMessage(agent, message)));
      const waited = await waitFor(edge, c, found);
      if (waited.applied !== null) c.header('Preference-Applied', waited.applied);
      return c.json(waited.message, 200);
    },
  );
}

function cancelMessage(app: App, inTown: Guard[]): void {
  app.openapi(
    route(
      {
        operationId: 'cancelMessage',
        method: 'delete',
        path: `${MESSAGES}/{message}`,
        summary: 'Cancel a message that is still queued',
        middleware: inTown,
        request: { params: s.messageParams },
        responses: answers(200, API.Message, 'The message, `cancelled`'),
      },
      ['state_conflict'],
    ),
    async (c) => {
      const { agent, message } = c.req.valid('param');
      const cancelled = await asPerson(c, (me) => me.cancelMessage(agent, message));
      if (cancelled.ok) return c.json(cancelled.value, 200);
      if (cancelled.error === 'not_found') throw new Refusal('not_found');
      const detail = 'The agent has the message, or it is over; POST .../interrupt ends a turn.';
      throw new Refusal('state_conflict', { detail });
    },
  );
}

function interruptAgent(app: App, inTown: Guard[]): void {
  app.openapi(
    route(
      {
        operationId: 'interruptAgent',
        method: 'post',
        path: `${AGENT}/interrupt`,
        summary: 'End the turn that an agent is in; it goes on with its next message',
        middleware: inTown,
        request: { params: s.agentParams },
        responses: answers(200, API.Agent, 'The agent; its message ends as `failed` with the error `interrupted`'),
      },
      ['state_conflict', 'not_supported'],
    ),
    async (c) => {
      const agent = await asPerson(c, (me) => me.interruptAgent(c.req.valid('param').agent));
      if (!agent.ok) throw refused(agent.error);
      return c.json(agent.value, 200);
    },
  );
}

type Refused =
  'agent_retired' | 'not_found' | 'idempotency_key_reused' | 'limit_exceeded' | 'not_supported' | 'unavailable';

/** `agent_retired` is a code for the agent's own calls; a person meets a conflict. */
function refused(error: Refused): Refusal {
  return error === 'agent_retired'
    ? new Refusal('state_conflict', { detail: 'The agent is retired.' })
    : new Refusal(error);
}

interface Asking {
  readonly req: { readonly raw: Request; header(name: string): string | undefined };
  get<K extends 'person' | 'membership'>(key: K): EdgeEnv['Variables'][K];
}

/** `applied` says what the wait was, where one was asked for. */
async function waitFor(
  edge: Edge,
  c: Asking,
  message: MessageView,
): Promise<{ message: MessageView; applied: string | null }> {
  const seconds = waitSeconds(c.req.header('prefer'));
  if (seconds === 0) return { message, applied: null };
  const wait = { town: c.get('membership').id, person: c.get('person').id, seconds, signal: c.req.raw.signal };
  return { message: await untilFinished(edge, message, wait), applied: `wait=${seconds}` };
}
