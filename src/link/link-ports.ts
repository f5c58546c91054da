import { containerNameSchema, type ContainerName } from '#protocol';
import type { Clock } from '#lib/clock.ts';
import type { Log } from '#lib/log.ts';
import type { ContainerBackend, PushSigner } from './container-link.ts';
import { ControlClient } from './control-client.ts';
import type { HandshakePorts } from './handshake.ts';
import { RefusalStore } from './refusal-store.ts';
import { SessionStore } from './session-store.ts';

/** What the object of a container is given: where its container runs, who signs, and the settings of the link. */
export interface LinkWiring {
  readonly clock: Clock;
  readonly log: Log;
  readonly backend: (container: ContainerName) => ContainerBackend;
  readonly sign: PushSigner;
  readonly pushTimeoutMs: number;
  readonly heartbeatSeconds: number;
}

/** What it works with. */
export interface LinkPorts extends HandshakePorts {
  readonly backend: ContainerBackend;
  readonly refusals: RefusalStore;
}

/** The ports of one AgentContainer: its own storage, and the wiring that it was given. */
export function linkPorts(ctx: DurableObjectState, wiring: LinkWiring): LinkPorts {
  const container = containerNameSchema.parse(ctx.id.name);
  const { clock, sign, pushTimeoutMs, heartbeatSeconds } = wiring;
  const backend = wiring.backend(container);
  const client = new ControlClient(backend, sign, container, pushTimeoutMs);
  const store = new SessionStore(ctx.storage.sql);
  const refusals = new RefusalStore(ctx.storage.sql);
  return { store, refusals, client, clock, container, heartbeatSeconds, backend };
}
