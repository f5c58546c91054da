import type { AgentId } from '#protocol';
import { takesMessages } from '../../roster/agent.ts';
import { deliverOnce } from './deliver-message.ts';
import type { TownPorts } from '../ports.ts';
import { requestStart, startOnce } from './start-agent.ts';

/**
 * Does for one agent what can be done now: starts it, and hands over what waits for it, one request at a time and in order.
 * Single flight per agent, so a start and a delivery, or two deliveries, never cross. Never rejects for a business failure;
 * what fails has its stored due time, and the alarm comes back here.
 */
export function serveAgent(p: TownPorts, id: AgentId): Promise<void> {
  return p.flights.run(`serve:${id}`, async () => {
    while (await step(p, id));
  });
}

/** Starts an agent because a person asks for it, and does at once what can be done. */
export function startNow(p: TownPorts, id: AgentId): Promise<void> {
  requestStart(p, id);
  return serveAgent(p, id);
}

/** Returns whether another step may follow at once. */
async function step(p: TownPorts, id: AgentId): Promise<boolean> {
  const agent = p.agents.get(id);
  if (agent === null) return false;
  if (agent.state === 'starting') return startOnce(p, agent);
  if (takesMessages(agent.state)) return deliverOnce(p, id);
  // It takes nothing now, and whatever releases it plans its queue anew.
  p.messages.planQueue(id, null);
  return false;
}
