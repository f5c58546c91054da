/** The Worker under test: the real objects and the real edge, in the lab's time and with the lab's containers. */
import type { Env } from '../../src/env.ts';
import { createApp } from '../../src/http/app.ts';
import { edgeOf } from '../../src/http/edge.ts';
import { AgentContainer as ContainerObject } from '../../src/link/agent-container.ts';
import { Town as TownObject } from '../../src/town/town.ts';
import { lab } from './support/lab.ts';
import { deployment, labLinkWiring, labTownWiring } from './support/wiring.ts';

export class Town extends TownObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(
      ctx,
      env,
      labTownWiring((name) => env.AGENT_CONTAINER.getByName(name)),
    );
  }
}

export class AgentContainer extends ContainerObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, labLinkWiring());
  }
}

export default {
  async fetch(request, env, context) {
    const { config, issuer } = await deployment();
    const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
    const edge = { ...edgeOf(env, config), clock: lab.clock, issuer, log: silent };
    return createApp(edge).fetch(request, {}, context);
  },
} satisfies ExportedHandler<Env>;
