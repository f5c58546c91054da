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

  swap(issued: IssuedToken): Expected {
    const outcome = this.#compareAndSet(issued);
    const held = this.live.get(issued.agent);
    return { outcome, inc: held?.inc ?? 0, gen: held?.gen ?? 0 };
  }

  start(issued: IssuedToken): Expected {
    const { agent, inc } = issued;
    const held = this.live.get(agent);
    if (held?.inc === inc) return { ...this.swap(issued), outcome: 'current' };
    if (held !== undefined && held.inc > inc) return { outcome: 'stale', inc: held.inc, gen: held.gen };
    if (held !== undefined) this.stop(agent, held.inc);
    if (this.#retired.has(agent)) return { outcome: 'retired', inc: 0, gen: 0 };
    const stopped = this.#stopped.get(agent) ?? 0;
    if (inc <= stopped) return { outcome: 'stale', inc: stopped, gen: 0 };
    this.live.set(agent, issued);
    return { outcome: 'started', inc, gen: issued.gen };
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

  #compareAndSet(issued: IssuedToken): SwapOutcome {
    if (this.#retired.has(issued.agent)) return 'retired';
    const held = this.live.get(issued.agent);
    if (held === undefined) return 'unknown_agent';
    if (held.inc !== issued.inc) return 'incarnation_mismatch';
    if (held.gen > issued.gen) return 'stale';
    if (held.gen === issued.gen) return held.jti === issued.jti ? 'current' : 'conflict';
    this.live.set(issued.agent, issued);
    return 'applied';
  }
}
