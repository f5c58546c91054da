/** Routes for people: the live stream, and the tickets that open it. */
import { timestamp } from '#lib/clock.ts';
import { mayCallFrom, requirePerson, requireTicket, requireTown } from '../edge/authenticate.ts';
import { API } from '../edge/api.ts';
import { routesOf } from '../edge/declare-route.ts';
import type { App, Edge, Guard } from '../edge/edge.ts';
import { Refusal } from '../edge/problem.ts';
import { answers } from '../edge/route-parts.ts';
import * as s from '../edge/schemas.ts';
import { drawTicket, openSocket } from './town-socket.ts';

const route = routesOf('Stream', 'person');
const byTicket = routesOf('Stream', 'ticket');

/** Tickets, and the upgrade that one opens. */
export function streamRoutes(app: App, edge: Edge): void {
  createTicket(app, edge, [requirePerson(edge), requireTown(edge)]);
  openStream(app, edge, requireTicket(edge));
}

function createTicket(app: App, edge: Edge, inTown: Guard[]): void {
  app.openapi(
    route(
      {
        operationId: 'createTicket',
        method: 'post',
        path: '/v1/towns/{town}/tickets',
        summary: 'Get a ticket, which opens one stream of this town within 30 seconds',
        middleware: inTown,
        request: { params: s.townParams },
        responses: answers(201, API.Ticket, 'The ticket; it must not be stored'),
      },
      ['limit_exceeded'],
    ),
    async (c) => {
      const { ticket, expiresAtMs } = await drawTicket(edge, c);
      c.header('cache-control', 'no-store');
      return c.json({ ticket, expires_at: timestamp(expiresAtMs) }, 201);
    },
  );
}

function openStream(app: App, edge: Edge, withTicket: Guard): void {
  app.openapi(
    byTicket(
      {
        operationId: 'openStream',
        method: 'get',
        path: '/v1/towns/{town}/stream',
        summary: 'Follow what happens, over a WebSocket (docs/stream.md)',
        middleware: [withTicket],
        request: { params: s.townParams, query: s.streamQuery },
        responses: { 101: { description: 'The socket is open; its frames are `StreamFrame` and `StreamReaderFrame`' } },
      },
      ['limit_exceeded'],
    ),
    async (c) => {
      // Also of a HEAD (RFC 6455, section 4.1: the method is GET), whose socket would never be read or closed.
      if (c.req.method !== 'GET' || c.req.header('upgrade')?.toLowerCase() !== 'websocket') {
        throw new Refusal('invalid_request', { errors: [{ path: 'upgrade', message: 'must be websocket' }] });
      }
      // A browser lets any page open a socket: it only says which one.
      if (!mayCallFrom(edge.config, c.req.header('origin'))) throw new Refusal('invalid_token');
      return openSocket(c.get('town'), { ...c.get('ticket'), after: c.req.valid('query').after ?? null });
    },
  );
}
