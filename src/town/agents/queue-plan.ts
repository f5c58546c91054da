import type { AgentId } from '#protocol';
import { takesMessages, type Agent } from '../../roster/agent.ts';
import { issueRefusal } from './issue-refusal.ts';
import type { TownPorts } from '../ports.ts';

/** Whether messages are handed to this agent now: it runs, or may start for one, and it may have a token. */
export function isServed(p: TownPorts, agent: Agent): boolean {
  return takesMessages(agent.state) && issueRefusal(agent, p.tokens.get(agent.id)) === null;
}

/**
 * Plans the agent's queue, where it is served; elsewhere the queue waits for what releases the agent, which plans it anew: a due time
 * that no work serves would make the alarm fire in a loop. Synchronous, inside a transaction of the caller.
 */
export function planQueue(p: TownPorts, id: AgentId, atMs: number): void {
  const agent = p.agents.get(id);
  p.messages.planQueue(id, agent !== null && isServed(p, agent) ? atMs : null);
}
