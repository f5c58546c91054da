/**
 * A control server as a process of its own, whose agents are objects in it instead of processes: thousands of those would measure
 * the machine. All else is the product's: the routes, the checks, the sessions, the registry, the clients and their calls.
 */
import { serve } from '@hono/node-server';
import { parseConfig } from '../container/config.ts';
import { createControlServer } from '../container/control-server.ts';
import type { Clock } from '../container/lib/clock.ts';
import { consoleSink, createLog } from '../container/lib/log.ts';
import { inProcess } from './quiet-agent.ts';

const clock: Clock = {
  wallMs: () => Date.now(),
  monoMs: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms).unref();
    return () => clearTimeout(timer);
  },
};

const parsed = parseConfig(process.env);
if (!parsed.ok) throw new Error(parsed.error);
const { config } = parsed;
const server = createControlServer({
  config,
  clock,
  fetch,
  log: createLog(clock, (level, line) => (level === 'info' ? undefined : consoleSink(level, line))),
  spawn: inProcess,
});
serve({ fetch: server.app.fetch, hostname: config.host, port: config.port });
process.once('SIGTERM', () => void server.shutdown().then(() => process.exit(0)));
