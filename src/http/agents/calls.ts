/** Routes for agents, each with its own token. The agent is the token's, never in the path (F12). */
import { requireAgent } from '../edge/authenticate.ts';
import { API } from '../edge/api.ts';
import { routesOf } from '../edge/declare-route.ts';
import type { App, Edge, Guard } from '../edge/edge.ts';
import { answers, eventsBody, jsonBody, smallBody } from '../edge/route-parts.ts';
import { asAgent } from './as-agent.ts';

const route = routesOf('Agent calls', 'agent');

/** Heartbeats and events of agents. */
export function agentCallRoutes(app: App, edge: Edge): void {
  const agent = requireAgent(edge);
  heartbeat(app, agent);
  reportEvents(app, agent);
}

function heartbeat(app: App, agent: Guard): void {
  app.openapi(
    route({
      operationId: 'sendHeartbeat',
      method: 'post',
      path: '/v1/agent/heartbeat',
      summary: 'A working agent says that it is alive',
      middleware: [agent, smallBody] as const,
      request: { body: jsonBody(API.Heartbeat) },
      responses: answers(200, API.HeartbeatAnswer, 'Recorded; whether a newer token waits'),
    }),
    async (c) => {
      const beat = c.req.valid('json');
      return c.json(await asAgent(c, (self) => self.heartbeat(beat)), 200);
    },
  );
}

function reportEvents(app: App, agent: Guard): void {
  app.openapi(
    route({
      operationId: 'reportEvents',
      method: 'post',
      path: '/v1/agent/events',
      summary: 'An agent reports what happened in its turns',
      middleware: [agent, eventsBody] as const,
      request: { body: jsonBody(API.EventBatch) },
      responses: answers(200, API.EventBatchAnswer, 'Stored, or known from before'),
    }),
    async (c) => {
      const batch = c.req.valid('json');
      return c.json(await asAgent(c, (self) => self.reportEvents(batch)), 200);
    },
  );
}
