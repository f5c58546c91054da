import { parseConfig, type ConfigError, type Env } from '../env.ts';
import { consoleLog } from '../lib/log.ts';
import { KEYS_RULE } from '../tokens/key-set.ts';
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
  if (!config.ok) return refuseAll(config.error);
  const edge = edgeOf(env, config.value);
  const app = createApp(edge);
  const serve: Fetch = (request, context) => app.fetch(request, {}, context);
  // What the platform says of a key that it cannot import may quote it: the rule is told instead.
  const ready = edge.issuer().then(
    () => serve,
    () => refuseAll([{ variable: 'SIGNING_KEYS', rule: KEYS_RULE }]),
  );
  return async (request, context) => (await ready)(request, context);
}

/** Answers 503 to everything; says why in the log once. */
function refuseAll(broken: readonly ConfigError[]): Fetch {
  for (const { variable, rule } of broken) consoleLog.error('config.refused', { variable, rule });
  const errors = broken.map(({ variable, rule }) => ({ path: variable, message: rule }));
  return () => problemResponse('misconfigured', crypto.randomUUID(), { errors });
}
