/** In which container an agent lives, and how many live anywhere. Synchronous, inside a transaction of the caller. */
import { MAX_AGENTS_PER_TOWN } from '#protocol';
import { place, placeAgain, type Agent, type Housing } from '../../roster/agent.ts';
import type { TownPorts } from '../ports.ts';

/** How many agents live in the town. */
export function countLive(p: TownPorts): number {
  return sum(p.agents.population().map(({ agents }) => agents));
}

/** For an agent that is new: the first container with room; null: the town has as many agents as it may. They are counted once. */
export function containerForNew(p: TownPorts): number | null {
  const found = housing(p);
  if (sum([...found.population.values()]) >= MAX_AGENTS_PER_TOWN) return null;
  return opened(p, place(found));
}

/** For the next incarnation: where the agent was, or, where that container is lost and there is another address, elsewhere. */
export function containerToStartIn(p: TownPorts, agent: Agent): number {
  // As a rule none is lost, and who lives where need not be counted, for each of the many that start when a container comes back.
  if (p.containers.lost().length === 0) return opened(p, agent.container);
  return opened(p, placeAgain(agent.container, housing(p)));
}

function housing(p: TownPorts): Housing {
  const population = new Map(p.agents.population().map(({ container, agents }) => [container, agents]));
  const { agentsPerContainer: capacity, containerAddresses: addresses } = p.settings;
  return { population, capacity, lost: new Set(p.containers.lost()), addresses };
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

function opened(p: TownPorts, index: number): number {
  p.containers.ensure(index);
  return index;
}
