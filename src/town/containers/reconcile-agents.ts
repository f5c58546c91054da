/** Compares what should run in a container with what the container says. Synchronous. */
import type { AgentId, HeldMessage, RunningAgents, SessionId } from '#protocol';
import type { HandedOver } from '../../outbox/message.ts';
import { takesMessages } from '../../roster/agent.ts';
import { recordActivity } from './activity.ts';
import { agentGone } from '../agents/agent-gone.ts';
import type { TownPorts } from '../ports.ts';
import { planQueue } from '../agents/queue-plan.ts';
import { queueForResult, requeueMessages } from '../agents/requeue-messages.ts';

/** An agent as it was before the container was asked. */
export interface Seen {
  readonly id: AgentId;
  readonly inc: number;
  readonly handedOver: readonly HandedOver[];
}

/** Who runs there in this session, as far as the town knows, and what was handed over. Read before the request. */
export function seenIn(p: TownPorts, index: number, session: SessionId): Seen[] {
  return p.agents
    .inContainer(index)
    .filter((agent) => agent.session === session && takesMessages(agent.state))
    .map(({ id, inc }) => ({ id, inc, handedOver: p.messages.handedOver(id) }));
}

/**
 * Of the agents that were seen before the request, each one that is missing in the answer is gone. Of their messages, only
 * what had been handed over before the request, is unchanged since, and is missing in the answer is queued again: what was
 * under way while the container answered is no loss. So is what is over there, while its result never came: the control
 * server runs no message twice, and answers the new attempt with the result that it holds. Inside a transaction of the caller.
 */
export function reconcile(
  p: TownPorts,
  index: number,
  session: SessionId,
  seen: readonly Seen[],
  list: RunningAgents,
): void {
  const running = new Map(list.agents.map((agent) => [agent.agent, agent]));
  for (const { id, inc, handedOver } of seen) {
    const agent = p.agents.get(id);
    if (agent === null || agent.inc !== inc || agent.session !== session || agent.container !== index) continue;
    const found = running.get(id);
    if (found?.inc !== inc) {
      const why = found === undefined ? 'unknown_agent' : 'incarnation_mismatch';
      agentGone(p, agent, { why, containerRuns: true });
      continue;
    }
    const held = new Map(found.messages.map((message) => [message.message, message]));
    const lost = handedOver.filter((message) => (held.get(message.id)?.attempt ?? 0) < message.attempt);
    const over = handedOver.filter((message) => isOver(held.get(message.id), message));
    if (lost.length === 0 && over.length === 0) continue;
    const now = p.clock.now();
    requeueMessages(p, id, lost, now);
    queueForResult(p, id, over, now);
    planQueue(p, id, now);
    recordActivity(p, id);
  }
}

/** Whether the control server has come to an end with the attempt that was handed over. */
function isOver(held: HeldMessage | undefined, { attempt }: HandedOver): boolean {
  return held?.attempt === attempt && (held.state === 'done' || held.state === 'failed');
}
