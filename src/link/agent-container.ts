/** The Durable Object of one container: one session, one handshake at a time, one way in. A shell: it wires and delegates. */
import { DurableObject } from 'cloudflare:workers';
import type { ControlCallAnswer, ControlCallName, ControlOrder, SessionId } from '#protocol';
import { sameDigest } from '#lib/secret.ts';
import { isMigrated, migrate } from '#lib/migrate.ts';
import type { ContainerLink, LinkAnswer, Unreachable } from './container-link.ts';
import { handshake } from './handshake.ts';
import { linkPorts, type LinkPorts, type LinkWiring } from './link-ports.ts';
import { mayRenew } from './renewal-rule.ts';
import { LINK_SCHEMA } from './session-store.ts';

/** Calls that a person waits for; a refresh is none, and keeps no container awake. */
const USES: ReadonlySet<ControlCallName> = new Set(['start', 'deliver', 'interrupt', 'answerPermission']);
/** Between two tries (ms) to reach a container that starts. */
const READY_POLL_MS = 200;

/** One container of a town: its session, and every call to its control server. */
export class AgentContainer extends DurableObject implements ContainerLink {
  readonly #ports: LinkPorts;
  /** The handshake under way; each call that needs one waits for this one. */
  #handshake: Promise<LinkAnswer<SessionId>> | null = null;

  /** `ports` joins the wiring with the object's own storage. */
  constructor(ctx: DurableObjectState, env: object, wiring: LinkWiring, ports = linkPorts) {
    super(ctx, env);
    const ahead = migrate(ctx.storage, LINK_SCHEMA);
    if (ahead.length > 0) wiring.log.warn('schema.ahead', { object: ctx.id.name, steps: ahead.join(' ') });
    this.#ports = ports(ctx, wiring);
  }

  /** Rings where the platform runs the container: to end it where nothing needs it. */
  override async alarm(): Promise<void> {
    if (isMigrated(this.ctx.storage.sql)) await this.#ports.idle?.onAlarm();
  }

  async open(wake: boolean): Promise<LinkAnswer<SessionId>> {
    if (!this.#ports.backend.running()) {
      if (!wake) return { kind: 'asleep' };
      this.#ports.backend.wake();
      await this.#ports.idle?.started();
      // What ran in it is gone with it, and so is its session.
      this.#forget();
    }
    const held = this.#ports.store.get();
    if (held?.answered === true) return { kind: 'answered', value: held.session };
    return this.#openSession();
  }

  /** Gives the session up and opens another: its agents end, and its secret buys nothing from here on. */
  async renew(): Promise<LinkAnswer<SessionId>> {
    this.#forget();
    return this.check();
  }

  /**
   * A process that the platform does not run goes on without the session, where the one request to close it arrives. One
   * that is gone, or too old to know the route, can be given up all the same. This object forgets everything, the session's
   * digest too.
   */
  async destroy(): Promise<LinkAnswer<null>> {
    // Asked again, it has no tables any more.
    if (isMigrated(this.ctx.storage.sql)) {
      const { store, backend, client, idle } = this.#ports;
      const held = store.get();
      if (held !== null && backend.running()) await client.closeSession(held.session);
      await idle?.destroy();
    }
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    return { kind: 'answered', value: null };
  }

  async check(): Promise<LinkAnswer<SessionId>> {
    return this.#ports.backend.running() ? this.#openSession() : { kind: 'asleep' };
  }

  async authenticate(session: SessionId, secretDigest: string): Promise<boolean> {
    const held = this.#ports.store.get();
    // One that is not confirmed, or was given up, buys nothing.
    return held?.answered === true && held.session === session && sameDigest(held.secretDigest, secretDigest);
  }

  /** Sends in `session`, and in no other: work that was begun for one session cannot land in the next. */
  async call<N extends ControlCallName>(
    name: N,
    session: SessionId,
    order: ControlOrder<N>,
  ): Promise<LinkAnswer<ControlCallAnswer<N>>> {
    // Asked first, so that a push never starts a container (T10).
    if (!this.#ports.backend.running()) return { kind: 'asleep' };
    const held = this.#ports.store.get();
    if (held?.answered !== true) return this.#changed(session);
    if (held.session !== session) return { kind: 'session_changed', session: held.session };
    if (USES.has(name)) this.#ports.idle?.used();
    const answer = await this.#ports.client.call(name, session, order);
    if (answer.kind === 'answered' && this.#ports.refusals.isRefused) this.#ports.refusals.clear();
    if (answer.kind === 'unreachable' && answer.reason === 'unauthorized') return this.#refused(session, answer);
    if (answer.kind !== 'session_unknown') return answer;
    // Only an answer to the session that is stored now counts: a late one says nothing of a session opened meanwhile.
    if (this.#ports.store.get()?.session === session) this.#ports.store.lost(session);
    return this.#changed(session);
  }

  /**
   * The control server refuses what this object signs, in the session that both hold: its clock is not the town's, or its
   * keys are not. A session that is opened anew brings the time along. A control server that refuses the opening too keeps
   * the one that it has.
   */
  async #refused(session: SessionId, answer: Unreachable): Promise<LinkAnswer<never>> {
    const { store, refusals, clock } = this.#ports;
    if (store.get()?.session !== session || !mayRenew(refusals.count(session), clock.now())) return answer;
    refusals.renewing(clock.now());
    const opened = await this.#openSession(session);
    if (opened.kind !== 'answered') return opened;
    return opened.value === session ? answer : { kind: 'session_changed', session: opened.value };
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

  #openSession(refused: SessionId | null = null): Promise<LinkAnswer<SessionId>> {
    this.#handshake ??= this.#shakeHands(refused).finally(() => {
      this.#handshake = null;
    });
    return this.#handshake;
  }

  /** A container that was just started is asked until it listens, as long as a start may take. */
  async #shakeHands(refused: SessionId | null): Promise<LinkAnswer<SessionId>> {
    for (;;) {
      const opened = await handshake(this.#ports, refused);
      if (opened.kind !== 'unreachable' || this.#ports.idle?.isStarting !== true) return opened;
      await new Promise<void>((resolve) => void this.#ports.after(READY_POLL_MS, resolve));
    }
  }

  #forget(): void {
    const held = this.#ports.store.get();
    if (held !== null) this.#ports.store.lost(held.session);
  }
}
