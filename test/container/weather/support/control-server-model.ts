/**
 * What the design promises of one session's agents, in as few words as possible: the reference for random orders. It knows nothing
 * of processes, lanes or time.
 */
import type { AgentId, IssuedToken, SwapOutcome } from '#protocol';

interface Held {
  readonly inc: number;
  readonly gen: number;
  readonly jti: string;
}

/** `outcome`, and the incarnation and generation that are held afterwards. */
export interface Expected {
  readonly outcome: string;
  readonly inc: number;
  readonly gen: number;
}

export class ControlServerModel {
  readonly live = new Map<AgentId, Held>();
  readonly #stopped = new Map<AgentId, number>();
  readonly #retired = new Set<AgentId>();

  swap(grant: IssuedToken): Expected {
    const outcome = this.#compareAndSet(grant);
    const held = this.live.get(grant.agent);
    return { outcome, inc: held?.inc ?? 0, gen: held?.gen ?? 0 };
  }

  start(grant: IssuedToken): Expected {
    const { agent, inc } = grant;
    const held = this.live.get(agent);
    if (held?.inc === inc) return { ...this.swap(grant), outcome: 'current' };
    if (held !== undefined && held.inc > inc) return { outcome: 'stale', inc: held.inc, gen: held.gen };
    if (held !== undefined) this.stop(agent, held.inc);
    if (this.#retired.has(agent)) return { outcome: 'retired', inc: 0, gen: 0 };
    const stopped = this.#stopped.get(agent) ?? 0;
    if (inc <= stopped) return { outcome: 'stale', inc: stopped, gen: 0 };
    this.live.set(agent, grant);
    return { outcome: 'started', inc, gen: grant.gen };
  }

  stop(agent: AgentId, inc: number): Pick<Expected, 'outcome' | 'inc'> {
    const held = this.live.get(agent);
    if (held !== undefined && held.inc > inc) return { outcome: 'stale', inc: held.inc };
    this.#stopped.set(agent, Math.max(inc, this.#stopped.get(agent) ?? 0));
    this.live.delete(agent);
    return { outcome: 'stopped', inc };
  }

  retire(agent: AgentId, inc: number): Pick<Expected, 'outcome' | 'inc'> {
    this.#retired.add(agent);
    this.live.delete(agent);
    return { outcome: 'retired', inc };
  }

  #compareAndSet(grant: IssuedToken): SwapOutcome {
    if (this.#retired.has(grant.agent)) return 'retired';
    const held = this.live.get(grant.agent);
    if (held === undefined) return 'unknown_agent';
    if (held.inc !== grant.inc) return 'incarnation_mismatch';
    if (held.gen > grant.gen) return 'stale';
    if (held.gen === grant.gen) return held.jti === grant.jti ? 'current' : 'conflict';
    this.live.set(grant.agent, grant);
    return 'applied';
  }
}
