import { parseConfig, type ConfigError } from '../env.ts';
import type { Env } from '../bindings.ts';
import { consoleLog } from '#lib/log.ts';
import { KEYS_RULE } from '../tokens/key-set.ts';
import { createApp } from './app.ts';
import { edgeOf } from './edge/edge.ts';
import { problemResponse } from './edge/problem.ts';
import { watchTowns } from './watchdog.ts';

type Fetch = (request: Request, context: ExecutionContext) => Response | Promise<Response>;

interface Handlers {
  readonly fetch: Fetch;
  readonly watch: () => Promise<unknown>;
}

/**
 * The fetch handler, and the hourly watchdog. Configuration is parsed and keys are imported once per isolate, with the first
 * request; a bad configuration answers 503 and names each variable and its rule, never a value, and the watchdog does nothing.
 */
export function createWorker(): ExportedHandler<Env> {
  const built = new WeakMap<Env, Handlers>();
  const handlersOf = (env: Env): Handlers => {
    const handlers = built.get(env) ?? build(env);
    built.set(env, handlers);
    return handlers;
  };
  return {
    fetch: (request, env, context) => handlersOf(env).fetch(request, context),
    scheduled: async (_, env) => void (await handlersOf(env).watch()),
  };
}

function build(env: Env): Handlers {
  const config = parseConfig(env);
  if (!config.ok) return { fetch: refuseAll(config.error), watch: () => Promise.resolve() };
  const edge = edgeOf(env, config.value);
  const app = createApp(edge);
  const serve: Fetch = (request, context) => app.fetch(request, {}, context);
  // What the platform says of a key that it cannot import may quote it: the rule is logged instead.
  const ready = edge.issuer().then(
    () => serve,
    () => refuseAll([{ variable: 'SIGNING_KEYS', rule: KEYS_RULE }]),
  );
  return {
    fetch: async (request, context) => (await ready)(request, context),
    watch: () => watchTowns(edge),
  };
}

/** Answers 503 to everything; says why in the log once. */
function refuseAll(broken: readonly ConfigError[]): Fetch {
  for (const { variable, rule } of broken) consoleLog.error('config.refused', { variable, rule });
  const errors = broken.map(({ variable, rule }) => ({ path: variable, message: rule }));
  return () => problemResponse('misconfigured', crypto.randomUUID(), { errors });
}
