/** AG-UI: an agent of a town, as frontends that speak this protocol run one (version 1.0). */
import { z } from '@hono/zod-openapi';
import { sha256 } from '#lib/secret.ts';
import { requirePerson, requireTown } from '../edge/authenticate.ts';
import { routesOf } from '../edge/declare-route.ts';
import { edgeOfRequest, type App, type Edge } from '../edge/edge.ts';
import { jsonBody, transcriptBody } from '../edge/route-parts.ts';
import { agentParams } from '../edge/schemas.ts';
import { runEvents } from './ag-ui-events.ts';
import { ask, askerOf } from './ask.ts';
import { sendStream } from './send-answer.ts';
import { entriesSchema } from './transcript.ts';

const route = routesOf('AG-UI', 'person');

const name = z.string().min(1).max(256);
/** What is asked of an agent. What is not here is taken and has no effect: an agent has its own state, context and tools. */
const runAgentInputSchema = z
  .looseObject({ threadId: name, runId: name, messages: entriesSchema })
  .openapi('RunAgentInput', {
    description: 'A run: the message that ends the transcript, and what the client calls it (AG-UI 1.0).',
    examples: [
      { threadId: 'thread-1', runId: 'run-1', messages: [{ id: '1', role: 'user', content: 'Good morning.' }] },
    ],
  });

/** `POST .../agents/{agent}/ag-ui`: the address that a client is given. */
export function agUiRoutes(app: App, edge: Edge): void {
  app.openapi(
    route(
      {
        operationId: 'runAgent',
        method: 'post',
        path: '/v1/towns/{town}/agents/{agent}/ag-ui',
        summary: 'Send a message to an agent, and follow its turn as a run (AG-UI 1.0)',
        middleware: [requirePerson(edge), requireTown(edge), transcriptBody] as const,
        request: { params: agentParams, body: jsonBody(runAgentInputSchema) },
        responses: {
          200: { description: 'The events of the run', content: { 'text/event-stream': { schema: z.string() } } },
        },
      },
      ['idempotency_key_reused', 'limit_exceeded'],
    ),
    async (c) => {
      const { town, agent } = c.req.valid('param');
      const { threadId, runId, messages: entries } = c.req.valid('json');
      // A run is one message, however often it is sent; a client that runs anew has a new name for it.
      const key = `ag-ui:${await sha256(JSON.stringify([threadId, runId]))}`;
      const header = (name: string) => (name === 'idempotency-key' ? key : c.req.header(name));
      const asked = { header, model: `reeve/${town}/${agent}`, entries, field: 'messages', isStream: true };
      const answer = await ask(edgeOfRequest(edge, c), { ...askerOf(c), ...asked });
      return sendStream(c, answer, runEvents({ threadId, runId }, answer.id, answer.steps()));
    },
  );
}
