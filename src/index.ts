/** Entry point of the Worker: the fetch handler, the cron handler and the two Durable Objects, given their wiring. */
import type { Env } from './bindings.ts';
import { createWorker } from './http/worker.ts';
import { AgentContainer as ContainerObject } from './link/agent-container.ts';
import { Town as TownObject } from './town/town.ts';
import { wireLink, wireTown } from './wiring.ts';

/** The Durable Object of one town. */
export class Town extends TownObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, wireTown(env));
  }
}

/** The Durable Object in front of one control server. */
export class AgentContainer extends ContainerObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, wireLink(env));
  }
}

/** Serves the HTTP API, and the hourly watchdog over the directory. */
export default createWorker();
