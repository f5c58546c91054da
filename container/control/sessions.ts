import type { ContainerName, OpenSession, SessionId } from '#protocol';
import type { AgentContext } from '../agents/incarnation.ts';
import { Supervisor } from '../agents/supervisor.ts';
import { RecentMap } from '../lib/recent-map.ts';
import { Secret } from '#lib/secret.ts';
import { TownClock } from './town-clock.ts';
import { UsedTokens } from './used-tokens.ts';

/** One container's use of this process, with everything that belongs to it and ends with it. */
export interface Session {
  readonly id: SessionId;
  readonly container: ContainerName;
  readonly epoch: number;
  readonly clock: TownClock;
  readonly used: UsedTokens;
  readonly agents: Supervisor;
}

/**
 * `opened`: it is held from now on. `current`: it was already, and nothing changed. `stale`: a session at least as new is held,
 * or was. `taken`: another container holds one of this id. `full`: there is no room, and every session is at work.
 */
export type Opening =
  | { readonly outcome: 'opened' | 'current'; readonly session: Session }
  | { readonly outcome: 'stale' | 'taken' | 'full'; readonly session: null };

/** Sessions of one process; far more than its agents leave room for. */
const MAX_SESSIONS = 500;
/**
 * A session that the town has not used for so long (ms), and in which no agent is at work, is ended: its town may be gone
 * without a word. One that comes back after all finds it unknown, and opens another. Sweeps and messages of a live town come
 * more often.
 */
const IDLE_MS = 24 * 3_600_000;
/** Epochs of containers whose session was ended, so that a recorded opening does not bring it back. */
const REMEMBERED_EPOCHS = 10_000;

type Shared = Pick<AgentContext, 'platform' | 'apiUrl' | 'registry' | 'spawn' | 'forget'>;

/** The sessions of this process: at most one per container. What one container does touches no other. */
export class Sessions {
  readonly #shared: Shared;
  /** The least recently used one first. */
  readonly #byContainer = new Map<ContainerName, Session>();
  readonly #usedAtMs = new Map<SessionId, number>();
  readonly #endedEpochs = new RecentMap<ContainerName, number>(REMEMBERED_EPOCHS);
  /** What of an ended session is still going: its container's next one waits for it. */
  readonly #leaving = new Map<ContainerName, Promise<void>>();

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  find(id: string): Session | undefined {
    return [...this.#byContainer.values()].find((session) => session.id === id);
  }

  /**
   * Opens a session, unless the container has it already or has a newer one. A newer session ends the earlier one of the same
   * container: its tokens are out of use at once, its processes are gone before the first new agent starts.
   * @param issuedAtSeconds `iat` of the verified push token: the town's time now
   */
  open(request: OpenSession, issuedAtSeconds: number): Opening {
    const earlier = this.#byContainer.get(request.container);
    if (earlier?.id === request.session) return { outcome: 'current', session: earlier };
    const lastEpoch = earlier?.epoch ?? this.#endedEpochs.get(request.container) ?? 0;
    if (request.epoch <= lastEpoch) return { outcome: 'stale', session: null };
    if (this.find(request.session) !== undefined) return { outcome: 'taken', session: null };
    if (earlier === undefined && !this.#makeRoom()) return { outcome: 'full', session: null };
    if (earlier !== undefined) this.end(earlier);
    const session = this.#make(request, issuedAtSeconds, this.#leaving.get(request.container) ?? Promise.resolve());
    this.used(session);
    return { outcome: 'opened', session };
  }

  /** Its town used it now. */
  used(session: Session): void {
    this.#byContainer.delete(session.container);
    this.#byContainer.set(session.container, session);
    this.#usedAtMs.set(session.id, this.#shared.platform.clock.monoMs());
  }

  /** Ends a session that is held: its tokens are out of use before this returns; its processes go on to their ends. */
  end(session: Session): void {
    if (this.#byContainer.get(session.container) !== session) return;
    this.#byContainer.delete(session.container);
    this.#usedAtMs.delete(session.id);
    this.#endedEpochs.set(session.container, session.epoch);
    const gone = Promise.all([this.#leaving.get(session.container), session.agents.end()]).then(() => {
      if (this.#leaving.get(session.container) === gone) this.#leaving.delete(session.container);
    });
    this.#leaving.set(session.container, gone);
  }

  /** Resolves when everything is gone that was ended before. */
  async left(): Promise<void> {
    await Promise.all(this.#leaving.values());
  }

  /** Ends those that are idle for too long, and where there is still no room the least recently used with no agent at work. */
  #makeRoom(): boolean {
    const nowMs = this.#shared.platform.clock.monoMs();
    for (const session of this.all) {
      if (nowMs - (this.#usedAtMs.get(session.id) ?? nowMs) < IDLE_MS) break;
      if (!session.agents.isAtWork) this.#drop(session, 'idle');
    }
    if (this.#byContainer.size < MAX_SESSIONS) return true;
    const resting = this.all.find(({ agents }) => !agents.isAtWork);
    if (resting !== undefined) this.#drop(resting, 'full');
    return resting !== undefined;
  }

  #drop(session: Session, why: 'idle' | 'full'): void {
    this.#shared.platform.log.warn('session_ended', { container: session.container, session: session.id, why });
    this.end(session);
  }

  get all(): readonly Session[] {
    return [...this.#byContainer.values()];
  }

  #make(request: OpenSession, issuedAtSeconds: number, earlierGone: Promise<void>): Session {
    const { container, session: id, epoch } = request;
    const clock = new TownClock(this.#shared.platform.clock, issuedAtSeconds);
    const secret = new Secret(request.secret);
    const context: AgentContext = {
      ...this.#shared,
      heartbeatMs: request.heartbeat_seconds * 1000,
      townNowMs: () => clock.nowMs(),
      rebaseTownClock: (answeredAtTownMs, askedAtMonoMs) => clock.rebase(answeredAtTownMs, askedAtMonoMs),
      pullAddress: (agent) => ({
        url: `${this.#shared.apiUrl}/v1/container/${container}/agents/${agent}/token`,
        session: id,
        secret,
      }),
    };
    const agents = new Supervisor(context, earlierGone);
    return { id, container, epoch, clock, used: new UsedTokens(), agents };
  }
}
