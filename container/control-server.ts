import { makeId, type AgentId, type BootId } from '#protocol';
import type { Spawn } from './agents/agent-process.ts';
import { sharedRegistry, type ClientRegistry } from './clients/registry.ts';
import type { Config } from './config.ts';
import type { ServerState } from './metrics.ts';
import { createApp, type ControlApp } from './control/app.ts';
import { KeySource } from './control/key-source.ts';
import { PushAuth } from './control/push-auth.ts';
import { Sessions } from './control/sessions.ts';
import { sayHello } from './clients/hello.ts';
import { NO_METRICS, type Metrics } from './lib/metrics.ts';
import type { Platform, RandomBytes } from './lib/platform.ts';
import { drainSessions, endSessions } from './shutdown.ts';
import { TownReach } from './lib/town-reach.ts';
import { passingTracer, type Tracer } from './lib/tracer.ts';

const BOOT_ID_BYTES = 20;

/** What a control server is made of; everything outside its own memory is here. */
export interface ControlServerParts extends Omit<Platform, 'randomBytes' | 'reach' | 'metrics' | 'tracer'> {
  readonly config: Pick<Config, 'apiUrl' | 'issuer' | 'jwks' | 'containerSecret'>;
  /** Default: nothing is counted. */
  readonly metrics?: Metrics;
  /** Default: traces are passed on, and nothing is collected. */
  readonly tracer?: Tracer;
  /** Default: the platform's `crypto`. */
  readonly randomBytes?: RandomBytes;
  readonly spawn: Spawn;
  /** Removes what a retired agent has left behind; absent where agents leave nothing. Never rejects. */
  readonly forget?: (agent: AgentId) => Promise<void>;
  /** Default: the one registry of the process, which plugins join. */
  readonly registry?: ClientRegistry;
}

/** One run of a control server, as `main.ts` and the tests hold it. */
export interface ControlServer {
  /** Answers requests: `app.fetch(request)`. */
  readonly app: ControlApp;
  /** Drawn anew for each run; a session is opened for one boot. */
  readonly boot: BootId;
  /** What is there now, in numbers. */
  state(): ServerState;
  /** Says hello until the town takes it; resolves then, or at shutdown. Never rejects. */
  hello(): Promise<void>;
  /**
   * Takes no session, agent or message from here on, and begins no turn; resolves when the turns under way are over, after
   * `withinMs`, or with `shutdown`. What holds for them goes on: refreshes, interrupts, answers, probes.
   */
  drain(withinMs: number): Promise<void>;
  /** Refuses all requests, reports what can be reported within 5 s, ends all agents. Idempotent. */
  shutdown(): Promise<void>;
}

/**
 * One run of a control server. All state is its own, but for the registry. It uses only Web APIs and what it is given, so it
 * runs in Node and in workerd alike.
 */
export function createControlServer(parts: ControlServerParts): ControlServer {
  const { config, clock, fetch, log, spawn } = parts;
  const randomBytes = parts.randomBytes ?? ((count: number) => crypto.getRandomValues(new Uint8Array(count)));
  const metrics = parts.metrics ?? NO_METRICS;
  const tracer = parts.tracer ?? passingTracer(randomBytes);
  const platform: Platform = { clock, fetch, log, metrics, tracer, randomBytes, reach: new TownReach(log) };
  const boot = makeId('boot', randomBytes(BOOT_ID_BYTES));
  const life = new AbortController();
  const registry = parts.registry ?? sharedRegistry();
  const sessions = new Sessions({
    platform,
    apiUrl: config.apiUrl,
    registry,
    spawn,
    ...(parts.forget === undefined ? {} : { forget: parts.forget }),
  });
  const keys = new KeySource(platform, config.apiUrl, config.jwks, life.signal);
  const auth = new PushAuth({ boot, issuer: config.issuer, sessions, findKey: keys.find });
  let ending: Promise<void> | null = null;
  let isDraining = false;
  const phase = { isDraining: () => isDraining, isShuttingDown: () => ending !== null };
  const app = createApp({ boot, auth, sessions, log, metrics, clock, ...phase });
  return {
    app,
    boot,
    state: () => {
      const agents = sessions.all.flatMap((session) => session.agents.atWork());
      const working = agents.filter((isAtWork) => isAtWork).length;
      const { size: registered, clients } = registry;
      return { sessions: sessions.all.length, working, idle: agents.length - working, registered, clients };
    },
    hello: () => sayHello(platform, config, life.signal),
    drain: async (withinMs) => {
      isDraining = true;
      const atWork = sessions.all.filter(({ agents }) => agents.isAtWork).length;
      if (atWork > 0) log.info('draining', { sessions_at_work: atWork, within_ms: withinMs });
      await drainSessions({ clock, withinMs, life: life.signal }, sessions.all);
    },
    shutdown: () => {
      life.abort();
      ending ??= endSessions(clock, sessions.all).then(() => sessions.left());
      return ending;
    },
  };
}
