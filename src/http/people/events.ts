/** Routes for people: what happened in a town, page by page, and as it happens over server-sent events. */
import { z } from '@hono/zod-openapi';
import { asPerson } from '../edge/as-person.ts';
import { requirePerson, requireTown } from '../edge/authenticate.ts';
import { API } from '../edge/api.ts';
import { routesOf } from '../edge/declare-route.ts';
import { STREAM_HEADERS } from '../edge/delivered-body.ts';
import type { App, Edge } from '../edge/edge.ts';
import { orRefuse } from '../edge/problem.ts';
import { answers } from '../edge/route-parts.ts';
import * as s from '../edge/schemas.ts';
import { eventStream } from './event-stream.ts';
import { drawTicket, openSocket } from './town-socket.ts';

const route = routesOf('Events', 'person');

const EVENT_STREAM = 'text/event-stream';
const page = answers(
  200,
  API.EventPage,
  'A page of CloudEvents, and from where on events are kept; or the stream',
)[200];

/** Events of a town. */
export function eventRoutes(app: App, edge: Edge): void {
  app.openapi(
    route({
      operationId: 'listEvents',
      method: 'get',
      path: '/v1/towns/{town}/events',
      summary: 'Read events after a sequence number; with `Accept: text/event-stream`, follow them (docs/stream.md)',
      middleware: [requirePerson(edge), requireTown(edge)],
      request: { params: s.townParams, query: s.eventsQuery, headers: s.eventsHeaders },
      responses: { 200: { ...page, content: { ...page.content, [EVENT_STREAM]: { schema: z.string() } } } },
    }),
    async (c) => {
      const { after, cursor, limit } = c.req.valid('query');
      const isStream = c.req.header('accept')?.includes(EVENT_STREAM) === true;
      // A HEAD reads no body: a stream that it opened would stay open, and take a place.
      if (isStream && c.req.method === 'GET') {
        const { digest } = await drawTicket(edge, c);
        // A client that comes again says itself what it has seen, whatever its address says.
        const from = c.req.valid('header')['last-event-id'] ?? cursor ?? after ?? null;
        const { webSocket } = await openSocket(c.get('town'), { digest, after: from });
        if (webSocket === null) throw new Error('an answer with 101 has its socket');
        return new Response(eventStream(webSocket), { headers: STREAM_HEADERS });
      }
      const events = await orRefuse(asPerson(c, (me) => me.listEvents(cursor ?? after ?? 0, limit)));
      return isStream ? new Response(null, { headers: STREAM_HEADERS }) : c.json(events, 200);
    },
  );
}
