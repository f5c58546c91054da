import { parseConfig, type Env } from '../env.ts';
import { consoleLog } from '../lib/log.ts';
import { createApp } from './app.ts';
import { edgeOf } from './edge.ts';
import { problemResponse } from './problem.ts';

type Fetch = (request: Request, context: ExecutionContext) => Response | Promise<Response>;

/**
 * The fetch handler. Configuration is parsed and keys are imported once per isolate, with the first request; a bad
 * configuration answers 503 and names each variable and its rule, never a value.
 */
export function createWorker(): ExportedHandler<Env> {
  const built = new WeakMap<Env, Fetch>();
  return {
    fetch(request, env, context) {
      const serve = built.get(env) ?? build(env);
      built.set(env, serve);
      return serve(request, context);
    },
  };
}

function build(env: Env): Fetch {
  const config = parseConfig(env);
  if (config.ok) {
    const app = createApp(edgeOf(env, config.value));
    return (request, context) => app.fetch(request, {}, context);
  }
  for (const { variable, rule } of config.error) consoleLog.error('config.refused', { variable, rule });
  const errors = config.error.map(({ variable, rule }) => ({ path: variable, message: rule }));
  return () => problemResponse('misconfigured', crypto.randomUUID(), { errors });
}
