/**
 * A control server as a process of its own, whose agents are objects in it instead of processes: thousands of those would measure
 * the machine. An agent that names a program has its process. All else is the product's: the routes, the checks, the sessions, the
 * registry, the clients and their calls.
 */
import { serve } from '@hono/node-server';
import { createControlServer } from '../container/control-server.ts';
import { containerParts } from './container-parts.ts';
import { inProcess } from './quiet-agent.ts';

const { config, clock, log, agents } = containerParts();
const server = createControlServer({
  config,
  clock,
  fetch,
  log,
  spawn: (launch, life) => (launch.runtime === null ? inProcess : agents.spawn)(launch, life),
});
serve({ fetch: server.app.fetch, hostname: config.host, port: config.port });
process.once('SIGTERM', () => void server.shutdown().then(() => process.exit(0)));
