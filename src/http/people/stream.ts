/** Routes for people: the live stream, and the tickets that open it. */
import { MAX_STREAM_SECONDS, STREAM_REQUEST_HEADER, TICKET_TTL_SECONDS, writeStreamRequest } from '#protocol';
import { timestamp } from '#lib/clock.ts';
import { base64url, randomBytes, sha256 } from '#lib/secret.ts';
import { mayCallFrom, requirePerson, requireTicket, requireTown } from '../edge/authenticate.ts';
import { API } from '../edge/api.ts';
import { routesOf } from '../edge/declare-route.ts';
import type { App, Edge, Guard } from '../edge/edge.ts';
import { Refusal } from '../edge/problem.ts';
import { answers } from '../edge/route-parts.ts';
import * as s from '../edge/schemas.ts';
import { asPerson } from '../edge/as-person.ts';

const route = routesOf('Stream', 'person');
const byTicket = routesOf('Stream', 'ticket');

/** 256 bits. */
const TICKET_BYTES = 32;

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
      const ticket = base64url(randomBytes(TICKET_BYTES));
      const digest = await sha256(ticket);
      const now = edge.clock.now();
      const { endsAtMs } = c.get('person');
      const lastMs = Math.min(endsAtMs ?? Infinity, now + MAX_STREAM_SECONDS * 1000);
      const expiresAtMs = Math.min(now + TICKET_TTL_SECONDS * 1000, lastMs);
      const added = await asPerson(c, (me) => me.addTicket({ digest, expiresAtMs, endsAtMs: lastMs }));
      if (!added.ok) throw new Refusal(added.error);
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
      if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') {
        throw new Refusal('invalid_request', { errors: [{ path: 'upgrade', message: 'must be websocket' }] });
      }
      // A browser lets any page open a socket: it only says which one.
      if (!mayCallFrom(edge.config, c.req.header('origin'))) throw new Refusal('invalid_token');
      const request = { ...c.get('ticket'), after: c.req.valid('query').after ?? null };
      // A request of its own: nothing of the caller's address and headers goes on, and the ticket stays here.
      const headers = { upgrade: 'websocket', [STREAM_REQUEST_HEADER]: writeStreamRequest(request) };
      const answer = await c.get('town').fetch('https://town/stream', { headers });
      if (answer.status === 101) return answer;
      throw new Refusal(refusalOf(await answer.text()));
    },
  );
}

/** A town that is in the directory and not there gets the same answer as a wrong ticket. */
function refusalOf(code: string): 'limit_exceeded' | 'invalid_token' {
  return code === 'limit_exceeded' ? code : 'invalid_token';
}
