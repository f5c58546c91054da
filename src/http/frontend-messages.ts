/** Routes for people: messages to an agent, and their replies. */
import { createRoute } from '@hono/zod-openapi';
import { makeId } from '#protocol';
import { randomBytes } from '../lib/secret.ts';
import { requirePerson, requireTown } from './authenticate.ts';
import type { App, Edge, Guard } from './edge.ts';
import { Refusal } from './problem.ts';
import { answers, jsonBody, messageBody } from './route-parts.ts';
import * as s from './schemas.ts';

const MESSAGES = '/v1/towns/{town}/agents/{agent}/messages';

export function messageRoutes(app: App, edge: Edge): void {
  const inTown = [requirePerson(edge), requireTown(edge)];
  sendMessage(app, inTown);
  listMessages(app, inTown);
  readMessage(app, inTown);
}

function sendMessage(app: App, inTown: Guard[]): void {
  app.openapi(
    createRoute({
      method: 'post',
      path: MESSAGES,
      summary: 'Send a message to an agent',
      middleware: [...inTown, messageBody],
      request: { params: s.agentParams, body: jsonBody(s.newMessageSchema) },
      responses: answers(202, s.messageSchema, 'Accepted: stored, and delivered in order'),
    }),
    async (c) => {
      const id = makeId('msg', randomBytes(20));
      const { content } = c.req.valid('json');
      const sender = `person:${c.get('person').id}`;
      const message = await c.get('town').sendMessage(c.req.valid('param').agent, { id, content, sender });
      if (!message.ok) {
        if (message.error === 'not_found') throw new Refusal('not_found');
        throw new Refusal('state_conflict', { detail: 'The agent is retired.' });
      }
      return c.json(message.value, 202);
    },
  );
}

function listMessages(app: App, inTown: Guard[]): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: MESSAGES,
      summary: 'List the messages of an agent in order',
      middleware: inTown,
      request: { params: s.agentParams, query: s.seqQuery },
      responses: answers(200, s.pageOf(s.messageSchema), 'A page of messages'),
    }),
    async (c) => {
      const { cursor, limit } = c.req.valid('query');
      const messages = await c.get('town').listMessages(c.req.valid('param').agent, cursor, limit);
      if (!messages.ok) throw new Refusal(messages.error);
      const items = messages.value;
      return c.json({ items, next: items.length === limit ? String(items.at(-1)?.seq) : null }, 200);
    },
  );
}

function readMessage(app: App, inTown: Guard[]): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: `${MESSAGES}/{message}`,
      summary: 'Read a message, its state and its reply',
      middleware: inTown,
      request: { params: s.messageParams },
      responses: answers(200, s.messageSchema, 'The message'),
    }),
    async (c) => {
      const { agent, message } = c.req.valid('param');
      const found = await c.get('town').getMessage(agent, message);
      if (!found.ok) throw new Refusal(found.error);
      return c.json(found.value, 200);
    },
  );
}
