import type { ContainerName, OpenSession, SessionId } from '#protocol';
import type { AgentSurroundings } from '../agents/incarnation.ts';
import { Supervisor } from '../agents/supervisor.ts';
import { Secret } from '../secret.ts';
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

/** `opened`: it is held from now on. `current`: it was already, and nothing changed. `stale`: a session at least as new is held. */
export type Opening =
  | { readonly outcome: 'opened' | 'current'; readonly session: Session }
  | { readonly outcome: 'stale'; readonly session: null };

type Shared = Pick<AgentSurroundings, 'outside' | 'apiUrl' | 'registry' | 'spawn'>;

/** The sessions of this process: at most one per container. What one container does touches no other. */
export class Sessions {
  readonly #shared: Shared;
  readonly #byContainer = new Map<ContainerName, Session>();

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
    if (earlier !== undefined && request.epoch <= earlier.epoch) return { outcome: 'stale', session: null };
    const session = this.#make(request, issuedAtSeconds, earlier?.agents.end() ?? Promise.resolve());
    this.#byContainer.set(session.container, session);
    return { outcome: 'opened', session };
  }

  get all(): readonly Session[] {
    return [...this.#byContainer.values()];
  }

  #make(request: OpenSession, issuedAtSeconds: number, earlierGone: Promise<void>): Session {
    const { container, session: id, epoch } = request;
    const clock = new TownClock(this.#shared.outside.clock, issuedAtSeconds);
    const secret = new Secret(request.secret);
    const surroundings: AgentSurroundings = {
      ...this.#shared,
      heartbeatMs: request.heartbeat_seconds * 1000,
      townNowMs: () => clock.nowMs(),
      rebaseTownClock: (toldMs, askedAtMonoMs) => clock.rebase(toldMs, askedAtMonoMs),
      pullAddress: (agent) => ({
        url: `${this.#shared.apiUrl}/v1/container/${container}/agents/${agent}/token`,
        session: id,
        secret,
      }),
    };
    const agents = new Supervisor(surroundings, earlierGone);
    return { id, container, epoch, clock, used: new UsedTokens(), agents };
  }
}
