import { containerNameSchema, type ContainerName, type RunningAgents } from '#protocol';
import type { After, Clock } from '#lib/clock.ts';
import type { Log } from '#lib/log.ts';
import { ActivityStore } from './activity-store.ts';
import type { PlatformContainer } from './cloudflare-backend.ts';
import type { ContainerBackend, PushSigner } from './container-link.ts';
import { ControlClient } from './control-client.ts';
import type { HandshakePorts } from './handshake.ts';
import { IdleStop } from './idle-stop.ts';
import { RefusalStore } from './refusal-store.ts';
import { SessionStore } from './session-store.ts';

/** What the object of a container is given: where its container runs, who signs, and the settings of the link. */
export interface LinkWiring {
  readonly clock: Clock;
  readonly log: Log;
  /** `ctx.container`, where the platform runs one beside the object. */
  readonly backend: (container: ContainerName, platform: PlatformContainer | undefined) => ContainerBackend;
  readonly sign: PushSigner;
  readonly pushTimeoutMs: number;
  readonly heartbeatSeconds: number;
  readonly sleepAfterMs: number;
  readonly after: After;
}

/** What it works with. */
export interface LinkPorts extends HandshakePorts {
  readonly backend: ContainerBackend;
  readonly refusals: RefusalStore;
  /** Null: the platform does not start and end it. */
  readonly idle: IdleStop | null;
  readonly after: After;
}

/** The ports of one AgentContainer: its own storage, and the wiring that it was given. */
export function linkPorts(ctx: DurableObjectState, wiring: LinkWiring): LinkPorts {
  const container = containerNameSchema.parse(ctx.id.name);
  const { clock, after, log, sign, pushTimeoutMs, heartbeatSeconds, sleepAfterMs } = wiring;
  const backend = wiring.backend(container, ctx.container);
  const client = new ControlClient(backend, sign, container, pushTimeoutMs);
  const store = new SessionStore(ctx.storage.sql);
  const refusals = new RefusalStore(ctx.storage.sql);
  const { lifecycle } = backend;
  const idle =
    lifecycle === undefined
      ? null
      : new IdleStop({
          activity: new ActivityStore(ctx.storage.sql),
          backend,
          lifecycle,
          clock,
          log,
          container,
          sleepAfterMs,
          setAlarm: (atMs) => ctx.storage.setAlarm(atMs),
          list: () => listIn(store, client),
        });
  return { store, refusals, client, clock, container, heartbeatSeconds, backend, idle, after };
}

async function listIn(store: SessionStore, client: ControlClient): Promise<RunningAgents | null> {
  const held = store.get();
  if (held?.answered !== true) return { agents: [] };
  const listed = await client.call('list', held.session, { agent: null, body: null });
  return listed.kind === 'answered' ? listed.value : null;
}
