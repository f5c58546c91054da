import { fillPage, type Peers } from '#protocol';
import type { Agent } from '../../roster/agent.ts';
import type { TownPorts } from '../ports.ts';

/** A page of the other live agents of the town, in the order of ids, from the first above `after`. */
export function listPeers(p: TownPorts, caller: Agent, after: string, limit: number): Peers {
  const others = p.agents.live().filter(({ id }) => id !== caller.id && id > after);
  const view = ({ id, name, role, state }: Agent): Peers['items'][number] => ({ id, name, role, state });
  return fillPage(others, limit, view, ({ id }) => id);
}
