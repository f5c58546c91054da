/**
 * A control server as a process of its own, whose agents are objects in it instead of processes: thousands of those would measure
 * the machine. An agent that names a program has its process. All else is the product's: the routes, the checks, the sessions, the
 * registry, the clients and their calls.
 */
import { serve } from '@hono/node-server';
import { createControlServer } from '../container/control-server.ts';
import { containerParts } from './container-parts.ts';
import { inProcess } from './quiet-agent.ts';
import { REQUESTS } from './order.ts';

const { config, clock, log, agents } = containerParts();
const requests = { in: 0, out: 0 };
const server = createControlServer({
  config,
  clock,
  fetch: (url, init) => {
    requests.out += 1;
    return fetch(url, init);
  },
  log,
  spawn: (launch, life) => (launch.runtime === null ? inProcess : agents.spawn)(launch, life),
});
const answer = (request: Request): Response | Promise<Response> => {
  if (request.url.endsWith(REQUESTS)) return Response.json(requests.in + requests.out);
  requests.in += 1;
  return server.app.fetch(request);
};
serve({ fetch: answer, hostname: config.host, port: config.port });
process.once('SIGTERM', () => void server.shutdown().then(() => process.exit(0)));
