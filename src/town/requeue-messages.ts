/** What the box held is gone with it: it is queued again. Synchronous, inside a transaction of the caller. */
import type { AgentId } from '#protocol';
import type { HandedOver } from '../outbox/message.ts';
import type { TownPorts } from './ports.ts';

/** Queues these messages again as new attempts, each only where it is still in the state and attempt in which it was seen. */
export function requeueMessages(p: TownPorts, agent: AgentId, lost: readonly HandedOver[], nowMs: number): void {
  const again = lost.filter((message) => p.messages.queueAgain(message)).map(({ id }) => id);
  if (again.length > 0) p.events.append('reeve.message.queued_again', agent, { messages: again }, nowMs);
}

/** All that the agent held, because it, its session or its container is gone. */
export function requeueAll(p: TownPorts, agent: AgentId, nowMs: number): void {
  requeueMessages(p, agent, p.messages.handedOver(agent), nowMs);
}
