/** The Worker under test: the real objects and the real edge, in the lab's time and with the lab's containers. */
import type { Env } from '../../src/bindings.ts';
import { createApp } from '../../src/http/app.ts';
import { edgeOf } from '../../src/http/edge/edge.ts';
import { AgentContainer as ContainerObject } from '../../src/link/agent-container.ts';
import { Town as TownObject } from '../../src/town/town.ts';
import { linkTo } from '../../src/link/never-rejects.ts';
import { linkPorts } from '../../src/link/link-ports.ts';
import { townPorts } from '../../src/town/town-ports.ts';
import { lab } from './support/lab.ts';
import { exposed, exposedStub, hurried } from './support/cuts.ts';
import { remembered } from './support/inside.ts';
import { withPast } from './support/past-states.ts';
import { recorded } from './support/statements.ts';
import { deployment, labLinkWiring, labTownWiring } from './support/wiring.ts';

export class Town extends TownObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(
      ctx,
      env,
      labTownWiring((name) => exposedStub(linkTo(env.AGENT_CONTAINER.getByName(name)), name), hurried),
      (state, wiring) => exposed(remembered(state, townPorts(recorded(withPast(state)), wiring)), state, 'town'),
    );
  }
}

export class AgentContainer extends ContainerObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, labLinkWiring(), (state, wiring) => exposed(linkPorts(state, wiring), state, 'object'));
  }
}

let served: { readonly by: object; readonly app: ReturnType<typeof createApp> } | undefined;

export default {
  async fetch(request, env, context) {
    const deployed = await deployment();
    const { config, issuer } = deployed;
    // One app per deployment, as an isolate has; to build its routes takes longer than to answer a request.
    if (served?.by !== deployed) {
      const edge = { ...edgeOf(env, config), clock: lab.clock, issuer, log: lab.logOf('worker') };
      served = { by: deployed, app: createApp(edge) };
    }
    return served.app.fetch(request, {}, context);
  },
} satisfies ExportedHandler<Env>;
