/** The Durable Object of one container: one session, one handshake at a time, one way in. A shell: it wires and delegates. */
import { DurableObject } from 'cloudflare:workers';
import {
  containerNameSchema,
  type AgentEnded,
  type AgentId,
  type AgentStarted,
  type DeliverMessages,
  type EndAgent,
  type Grant,
  type MessagesAccepted,
  type SessionId,
  type StartAgent,
  type SwapResult,
  type SwapResults,
  type ContainerName,
} from '#protocol';
import type { Clock } from '../lib/clock.ts';
import { sameDigest } from '../lib/secret.ts';
import { migrate } from '../lib/migrate.ts';
import type { ContainerBackend, ContainerLink, LinkAnswer, PushSigner } from './container-link.ts';
import { ControlClient, type ControlAnswer } from './control-client.ts';
import { handshake } from './handshake.ts';
import { LINK_SCHEMA, SessionStore } from './session-store.ts';

/** What the object is given: where its container runs, who signs, and the settings of the link. */
export interface LinkWiring {
  readonly clock: Clock;
  readonly backend: (container: ContainerName) => ContainerBackend;
  readonly sign: PushSigner;
  readonly pushTimeoutMs: number;
  readonly heartbeatSeconds: number;
}

export class AgentContainer extends DurableObject implements ContainerLink {
  readonly #container: ContainerName;
  readonly #wiring: LinkWiring;
  readonly #backend: ContainerBackend;
  readonly #client: ControlClient;
  readonly #store: SessionStore;
  /** The handshake under way; everybody who needs one waits for this one. */
  #handshake: Promise<LinkAnswer<SessionId>> | null = null;

  constructor(ctx: DurableObjectState, env: object, wiring: LinkWiring) {
    super(ctx, env);
    this.#container = containerNameSchema.parse(ctx.id.name);
    this.#wiring = wiring;
    this.#backend = wiring.backend(this.#container);
    this.#client = new ControlClient(this.#backend, wiring.sign, this.#container, wiring.pushTimeoutMs);
    migrate(ctx.storage, LINK_SCHEMA);
    this.#store = new SessionStore(ctx.storage.sql);
  }

  async open(wake: boolean): Promise<LinkAnswer<SessionId>> {
    if (!this.#backend.running()) {
      if (!wake) return { kind: 'asleep' };
      this.#backend.wake();
      // What ran in it is gone with it, and so is its session.
      this.#forget();
    }
    const held = this.#store.get();
    if (held?.answered === true) return { kind: 'answered', value: held.session };
    return this.#openSession();
  }

  /** Gives the session up and opens another: its agents end, and its secret buys nothing from here on. */
  async renew(): Promise<LinkAnswer<SessionId>> {
    this.#forget();
    return this.check();
  }

  async check(): Promise<LinkAnswer<SessionId>> {
    return this.#backend.running() ? this.#openSession() : { kind: 'asleep' };
  }

  async authenticate(session: SessionId, secretDigest: string): Promise<boolean> {
    const held = this.#store.get();
    // One that is not confirmed, or was given up, buys nothing.
    return held?.answered === true && held.session === session && sameDigest(held.secretDigest, secretDigest);
  }

  async start(session: SessionId, agent: AgentId, body: StartAgent): Promise<LinkAnswer<AgentStarted>> {
    return this.#send(session, () => this.#client.start(session, agent, body));
  }

  async deliver(session: SessionId, agent: AgentId, body: DeliverMessages): Promise<LinkAnswer<MessagesAccepted>> {
    return this.#send(session, () => this.#client.deliver(session, agent, body));
  }

  async refreshOne(session: SessionId, grant: Grant): Promise<LinkAnswer<SwapResult>> {
    return this.#send(session, () => this.#client.refreshOne(session, grant));
  }

  async refreshMany(session: SessionId, grants: readonly Grant[]): Promise<LinkAnswer<SwapResults>> {
    return this.#send(session, () => this.#client.refreshMany(session, grants));
  }

  async stop(session: SessionId, agent: AgentId, body: EndAgent): Promise<LinkAnswer<AgentEnded>> {
    return this.#send(session, () => this.#client.stop(session, agent, body));
  }

  async retire(session: SessionId, agent: AgentId, body: EndAgent): Promise<LinkAnswer<AgentEnded>> {
    return this.#send(session, () => this.#client.retire(session, agent, body));
  }

  /** Sends in `session`, and in no other: work that was begun for one session cannot land in the next. */
  async #send<T>(session: SessionId, call: () => Promise<ControlAnswer<T>>): Promise<LinkAnswer<T>> {
    // Asked first, so that a push never starts a container (T10).
    if (!this.#backend.running()) return { kind: 'asleep' };
    const held = this.#store.get();
    if (held?.answered !== true) return this.#changed(session);
    if (held.session !== session) return { kind: 'session_changed', session: held.session };
    const answer = await call();
    if (answer.kind !== 'session_unknown') return answer;
    // Only an answer to the session that is stored now counts: a late one says nothing of a session opened meanwhile.
    if (this.#store.get()?.session === session) this.#store.lost(session);
    return this.#changed(session);
  }

  /** Opens what replaces `session`, and says so. */
  async #changed(session: SessionId): Promise<LinkAnswer<never>> {
    const opened = await this.#openSession();
    if (opened.kind !== 'answered') return opened;
    if (opened.value === session) {
      return {
        kind: 'unreachable',
        reason: 'transport',
        retryAfterMs: 0,
        detail: 'the session was confirmed just now',
      };
    }
    return { kind: 'session_changed', session: opened.value };
  }

  #openSession(): Promise<LinkAnswer<SessionId>> {
    this.#handshake ??= handshake({
      store: this.#store,
      client: this.#client,
      clock: this.#wiring.clock,
      container: this.#container,
      heartbeatSeconds: this.#wiring.heartbeatSeconds,
    }).finally(() => {
      this.#handshake = null;
    });
    return this.#handshake;
  }

  #forget(): void {
    const held = this.#store.get();
    if (held !== null) this.#store.lost(held.session);
  }
}
