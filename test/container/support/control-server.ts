/** A control server under test, with a fake town around it and a manual clock inside. */
import {
  agentEndedSchema,
  agentStartedSchema,
  messagesAcceptedSchema,
  runningAgentsSchema,
  sessionOpenedSchema,
  swapResultSchema,
  swapResultsSchema,
  type AgentId,
  type AgentEnded,
  type AgentStarted,
  type ContainerName,
  type DeliveredMessage,
  type IssuedToken,
  type MessagesAccepted,
  type RunningAgents,
  type SessionId,
  type SessionOpened,
  type SwapResult,
  type SwapResults,
} from '#protocol';
import type { z } from 'zod';
import type { Spawn } from '../../../container/agents/agent-process.ts';
import { Registry } from '../../../container/clients/registry.ts';
import type { Metrics } from '../../../container/lib/metrics.ts';
import type { Tracer } from '../../../container/lib/tracer.ts';
import { inProcessSpawn } from '../../support/in-process-agent.ts';
import { createControlServer, type ControlServer } from '../../../container/control-server.ts';
import { FakeTownApi, TOWN_URL } from './fake-town-api.ts';
import { agentId, containerName, messageId, secretOf, sessionId } from '../../support/ids.ts';
import { KeptLog } from './log.ts';
import { ManualClock } from './manual-clock.ts';
import { newKey } from '../../../src/tokens/key-edit.ts';
import type { PrivateKey } from '../../../src/tokens/key-set.ts';
import type { TokenChanges } from '../../support/signing.ts';
import { keySetOf, pushRequest, signPush, type PushOrder } from './push.ts';

/** A control server's answer, read by its schema where it has the status that the schema is for. */
export interface Reply<T> {
  readonly status: number;
  readonly body: T;
}

/** A session as the town remembers it. */
export interface HeldSession {
  readonly id: SessionId;
  readonly container: ContainerName;
  readonly epoch: number;
}

export const PROCESS_ID = 4711;

export interface ControlServerOptions {
  readonly clock?: ManualClock;
  readonly town?: FakeTownApi;
  readonly key?: PrivateKey;
  readonly registry?: Registry;
  readonly spawn?: Spawn;
  readonly metrics?: Metrics;
  readonly tracer?: Tracer;
  readonly forget?: (agent: AgentId) => Promise<void>;
  /** Where false, the server starts without keys and has to fetch them. */
  readonly seeded?: boolean;
  /** Whose tokens it accepts; by default the fake town's. */
  readonly issuer?: string;
}

export class TestControlServer {
  readonly clock: ManualClock;
  readonly town: FakeTownApi;
  readonly key: PrivateKey;
  readonly registry: Registry;
  readonly log = new KeptLog();
  readonly server: ControlServer;

  private constructor(options: ControlServerOptions, key: PrivateKey) {
    this.clock = options.clock ?? new ManualClock();
    this.town = options.town ?? new FakeTownApi(() => this.clock.nowMs());
    this.town.publicKeys = keySetOf(key).keys;
    this.key = key;
    this.registry = options.registry ?? new Registry();
    const jwks = options.seeded === false ? { keys: [] } : keySetOf(key);
    const { clock, log, registry } = this;
    const parts = {
      config: { apiUrl: TOWN_URL, issuer: options.issuer ?? TOWN_URL, jwks, containerSecret: null },
      clock,
      log,
      registry,
      fetch: this.town.fetch,
      spawn: options.spawn ?? inProcessSpawn(clock, PROCESS_ID),
      ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
      ...(options.tracer === undefined ? {} : { tracer: options.tracer }),
      ...(options.forget === undefined ? {} : { forget: options.forget }),
    };
    this.server = createControlServer(parts);
  }

  static async make(options: ControlServerOptions = {}): Promise<TestControlServer> {
    return new TestControlServer(options, options.key ?? (await newKey('active')));
  }

  /** A control server with one session and, in it, the first agent. */
  static async withAgent(
    options: ControlServerOptions = {},
  ): Promise<{ control: TestControlServer; session: HeldSession; agent: AgentId; issued: IssuedToken }> {
    const control = await TestControlServer.make(options);
    const session = await control.session();
    const agent = agentId(1);
    const issued = control.town.mint(agent);
    await control.start(session, issued);
    return { control, session, agent, issued };
  }

  send(order: PushOrder, token: string): Promise<Response> {
    return Promise.resolve(this.server.app.fetch(pushRequest(order, token)));
  }

  /** The order of a request in a session, for tests that sign or send it in their own way. */
  order(session: HeldSession, method: string, path: string, body?: unknown): PushOrder {
    const text = body === undefined ? '' : JSON.stringify(body);
    return { audience: session.id, container: session.container, method, path, body: text, nowMs: this.town.nowMs() };
  }

  /** Signs and sends as the town does. */
  async push(
    session: HeldSession,
    method: string,
    path: string,
    body?: unknown,
    changes?: TokenChanges,
  ): Promise<Response> {
    const order = this.order(session, method, path, body);
    return this.send(order, await signPush(this.key, order, changes));
  }

  /** The order that opens a session. */
  opening(session: HeldSession, seed = 1): PushOrder {
    const { id, container, epoch } = session;
    const body = { version: 1, container, session: id, epoch, secret: secretOf(seed), heartbeat_seconds: 30 };
    return { ...this.order(session, 'PUT', '/session', body), audience: this.server.boot };
  }

  async openSession(session: HeldSession, seed = 1): Promise<Response> {
    const order = this.opening(session, seed);
    return this.send(order, await signPush(this.key, order));
  }

  /** Opens a session and lets the town give tokens to it. */
  async session(seed = 1, container = containerName(seed)): Promise<HeldSession> {
    const session = { id: sessionId(seed), container, epoch: seed };
    await read(await this.openSession(session, seed), sessionOpenedSchema);
    this.town.trust(session.id, secretOf(seed));
    return session;
  }

  async opened(session: HeldSession, seed = 1): Promise<Reply<SessionOpened>> {
    return read(await this.openSession(session, seed), sessionOpenedSchema);
  }

  async start(session: HeldSession, issued: IssuedToken, inc = issued.inc): Promise<Reply<AgentStarted>> {
    const body = { inc, name: 'ada', role: 'worker', grant: issued, runtime: null };
    return read(await this.push(session, 'POST', `/agents/${issued.agent}/start`, body), agentStartedSchema);
  }

  async deliver(
    session: HeldSession,
    issued: IssuedToken,
    ...messages: DeliveredMessage[]
  ): Promise<Reply<MessagesAccepted>> {
    const body = { inc: issued.inc, grant: issued, messages };
    return read(await this.push(session, 'POST', `/agents/${issued.agent}/messages`, body), messagesAcceptedSchema);
  }

  async refresh(session: HeldSession, issued: IssuedToken): Promise<Reply<SwapResult>> {
    return read(
      await this.push(session, 'POST', `/agents/${issued.agent}/refresh-token`, { grant: issued }),
      swapResultSchema,
    );
  }

  async refreshAll(session: HeldSession, ...tokens: IssuedToken[]): Promise<Reply<SwapResults>> {
    return read(await this.push(session, 'POST', '/agents/refresh-tokens', { grants: tokens }), swapResultsSchema);
  }

  async end(session: HeldSession, how: 'stop' | 'retire', agent: AgentId, inc = 1): Promise<Reply<AgentEnded>> {
    return read(await this.push(session, 'POST', `/agents/${agent}/${how}`, { inc }), agentEndedSchema);
  }

  async running(session: HeldSession): Promise<RunningAgents['agents']> {
    const { body } = await read(await this.push(session, 'GET', '/agents'), runningAgentsSchema);
    return body.agents;
  }
}

/** Reads an answer; fails the test with the whole answer where it is none of this kind. */
export async function read<T>(response: Response, schema: z.ZodType<T>): Promise<Reply<T>> {
  const text = await response.text();
  const parsed = schema.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(`an unexpected answer: ${response.status} ${text}`);
  return { status: response.status, body: parsed.data };
}

/** A message of the first attempt. */
export function message(seed: number, content: string, attempt = 1): DeliveredMessage {
  return { message: messageId(seed), attempt, seq: seed, content, sender: 'user', traceparent: null };
}
