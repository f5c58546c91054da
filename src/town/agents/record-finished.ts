import { FINISHED_KEPT_MS, MAX_FINISHED_MESSAGES, type AgentId, type MessageId } from '#protocol';
import type { TownPorts } from '../ports.ts';

/** Messages that are forgotten in one step: a bounded piece of work beside what it rides along with. */
const PRUNED_AT_ONCE = 100;

/**
 * Messages of an agent have reached a final state: wakes the requests that wait for them, and prunes older finished messages.
 * Every transition to a final state calls this. Synchronous, inside a transaction of the caller.
 */
export function recordFinished(p: TownPorts, agent: AgentId, ids: readonly MessageId[], nowMs: number): void {
  const over = p.queues.ofAgent(agent).finished - MAX_FINISHED_MESSAGES;
  if (over > 0) p.messages.pruneOldest(agent, Math.min(over, PRUNED_AT_ONCE));
  pruneMessages(p, nowMs);
  p.waiters.wake(ids);
  p.drafts.wake(ids);
}

/**
 * One step of forgetting what is too old, and the oldest of what is too much. What ended at this moment stays, whatever its size:
 * its sender has not read it yet. Nothing is due because of it: it rides along, and an idle town sleeps.
 */
export function pruneMessages(p: TownPorts, nowMs: number): void {
  p.messages.pruneBefore(nowMs - FINISHED_KEPT_MS, PRUNED_AT_ONCE);
  const over = p.queues.ofTown().keptBytes - p.settings.finishedBytes;
  if (over > 0) p.messages.pruneBytes(over, nowMs, PRUNED_AT_ONCE);
}
