/** What was heard of agents between two writes of their rows. In memory only: after an eviction the rows are what is left. */
import type { AgentId } from '#protocol';
import type { Agent } from './agent.ts';

type Signs = Pick<Agent, 'lastHeardAtMs' | 'progressAtMs'>;

/** Twice as many as live in a town: of those heard last, whoever does not fit is retired. */
const MOST_KNOWN = 1000;

export class LastSigns {
  /** The one that was heard last comes last. */
  readonly #known = new Map<AgentId, Signs>();

  note(id: AgentId, signs: Signs): void {
    this.#known.delete(id);
    this.#known.set(id, signs);
    const [first] = this.#known.keys();
    if (this.#known.size > MOST_KNOWN && first !== undefined) this.#known.delete(first);
  }

  has(id: AgentId): boolean {
    return this.#known.has(id);
  }

  /** An agent as its row has it, with what was heard of it since. */
  over(agent: Agent): Agent {
    return { ...agent, ...this.#known.get(agent.id) };
  }
}
