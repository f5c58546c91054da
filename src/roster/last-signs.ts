/**
 * The last signs of life of agents between two writes of their rows. In memory only: after an eviction the rows are what is
 * left.
 */
import { MAX_AGENTS_PER_TOWN, type AgentId } from '#protocol';
import type { Agent } from './agent.ts';

type Signs = Pick<Agent, 'lastHeardAtMs' | 'progressAtMs'>;

/** Twice as many as live in a town: those that do not fit were silent for longest, and are retired. */
const MOST_KNOWN = 2 * MAX_AGENTS_PER_TOWN;

/** Bounded; `over` lays what is known here over a row. */
export class LastSigns {
  /** In the order of their last signs of life. */
  readonly #known = new Map<AgentId, Signs>();

  record(id: AgentId, signs: Signs): void {
    this.#known.delete(id);
    this.#known.set(id, signs);
    const [first] = this.#known.keys();
    if (this.#known.size > MOST_KNOWN && first !== undefined) this.#known.delete(first);
  }

  has(id: AgentId): boolean {
    return this.#known.has(id);
  }

  /** An agent as its row has it, with the signs of life that came since. */
  over(agent: Agent): Agent {
    return { ...agent, ...this.#known.get(agent.id) };
  }
}
