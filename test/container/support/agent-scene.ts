/** One agent's cell, registry entry, puller and client around a fake town: what a call needs, without a control server. */
import { heartbeatAnswerSchema, type AgentId, type IssuedToken, type HeartbeatAnswer } from '#protocol';
import { AgentClient, type CallOutcome } from '../../../container/clients/agent-client.ts';
import { Cell } from '../../../container/clients/cell.ts';
import { Puller } from '../../../container/clients/puller.ts';
import { Registry, type RegistryEntry } from '../../../container/clients/registry.ts';
import type { Platform } from '../../../container/lib/platform.ts';
import { NO_METRICS } from '../../../container/lib/metrics.ts';
import { passingTracer } from '../../../container/lib/tracer.ts';
import { TownReach } from '../../../container/lib/town-reach.ts';
import { Secret } from '../../../src/lib/secret.ts';
import { FakeTownApi, TOWN_URL } from './fake-town-api.ts';
import { agentId, containerName, secretOf, sessionId } from '../../support/ids.ts';
import { KeptLog } from './log.ts';
import { ManualClock } from './manual-clock.ts';

export const SECONDS = 1000;
export const HEARTBEAT = {
  method: 'POST',
  path: '/v1/agent/heartbeat',
  body: beatText(),
  answer: heartbeatAnswerSchema,
  timeoutMs: 10 * SECONDS,
} as const;

function beatText(): string {
  return JSON.stringify({ turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null });
}

/** What several agents share. */
export class AgentContext {
  readonly clock = new ManualClock();
  readonly town = new FakeTownApi(() => this.clock.nowMs());
  readonly log = new KeptLog();
  readonly registry = new Registry();
  readonly platform: Platform;

  constructor() {
    const { clock, town, log } = this;
    this.platform = {
      clock,
      fetch: town.fetch,
      log,
      randomBytes: (count) => new Uint8Array(count),
      metrics: NO_METRICS,
      tracer: passingTracer((count) => new Uint8Array(count).fill(7)),
      reach: new TownReach(log),
    };
    town.trust(sessionId(1), secretOf(1));
  }
}

export class AgentScene {
  readonly context: AgentContext;
  readonly agent: AgentId;
  readonly first: IssuedToken;
  readonly cell: Cell;
  readonly entry: RegistryEntry;
  readonly puller: Puller;
  readonly client: AgentClient;
  /** Whether there is a session to pull with. */
  hasSession = true;
  /** Times of the town that pulls brought. */
  readonly rebases: number[] = [];
  readonly #life = new AbortController();

  constructor(context = new AgentContext(), seed = 1, ttlSeconds = 10_800) {
    const { platform, town, registry, clock } = context;
    this.context = context;
    this.agent = agentId(seed);
    this.first = town.mint(this.agent, 1, ttlSeconds);
    this.cell = new Cell(this.first);
    this.entry = registry.open(this.cell, () => {});
    const { cell, entry, life } = this;
    const townNowMs = (): number => clock.nowMs();
    const url = `${TOWN_URL}/v1/container/${containerName(1)}/agents/${this.agent}/token`;
    const from = { url, session: sessionId(1), secret: new Secret(secretOf(1)) };
    const address = (): typeof from | null => (this.hasSession ? from : null);
    const rebaseTownClock = (answeredAtTownMs: number): void => void this.rebases.push(answeredAtTownMs);
    this.puller = new Puller({ platform, cell, entry, townNowMs, rebaseTownClock, life, address });
    this.client = new AgentClient({ platform, apiUrl: TOWN_URL, cell, puller: this.puller, townNowMs, life });
  }

  get life(): AbortSignal {
    return this.#life.signal;
  }

  get town(): FakeTownApi {
    return this.context.town;
  }

  get clock(): ManualClock {
    return this.context.clock;
  }

  get log(): KeptLog {
    return this.context.log;
  }

  beat(): Promise<CallOutcome<HeartbeatAnswer>> {
    return this.client.call(HEARTBEAT);
  }

  teardown(): void {
    this.entry.release();
    this.#life.abort();
  }

  /** The bearers of the calls to a path that ends like this, in order. */
  bearers(ending: string): string[] {
    return this.town.requests.filter(({ path }) => path.endsWith(ending)).map(({ bearer }) => bearer);
  }
}
