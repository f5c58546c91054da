/** What the control server held is gone with its process: it is queued again, unless it was lost in a turn too often. */
import { MAX_BROKEN_TURNS, type AgentId, type MessageId } from '#protocol';
import type { HandedOver } from '../../outbox/message.ts';
import { closePermissions } from './record-permission.ts';
import { recordFinished } from './record-finished.ts';
import type { TownPorts } from '../ports.ts';

/** The error of a message whose turn never came to an end. */
const BROKE_TOO_OFTEN = 'attempts_exhausted';

/**
 * Queues these messages again as new attempts, each only where it is still in the state and attempt in which it was seen. One
 * that was being worked on for the fifth time fails instead, so that a message which breaks its agent does not hold up the
 * queue for ever. Synchronous, inside a transaction of the caller.
 */
export function requeueMessages(p: TownPorts, agent: AgentId, lost: readonly HandedOver[], nowMs: number): void {
  const again: MessageId[] = [];
  const dead: MessageId[] = [];
  for (const message of lost) {
    if (message.state === 'working' && message.crashedTurns + 1 >= MAX_BROKEN_TURNS) {
      const { id, attempt } = message;
      if (p.messages.finish(id, attempt, { state: 'failed', error: BROKE_TOO_OFTEN }, nowMs, null)) dead.push(id);
    } else if (p.messages.queueAgain(message, 'new attempt')) again.push(message.id);
  }
  recordQueuedAgain(p, agent, again, nowMs);
  if (dead.length === 0) return;
  p.events.append('reeve.message.dead_lettered', agent, { messages: dead, error: BROKE_TOO_OFTEN }, nowMs);
  recordFinished(p, agent, dead, nowMs);
}

/**
 * Queues messages again whose turns are over in the control server, and whose results did not come: in the same attempt, so
 * that it answers with what it holds, and a report that is under way all the while counts in its turn. Synchronous, inside a
 * transaction of the caller.
 */
export function queueForResult(p: TownPorts, agent: AgentId, over: readonly HandedOver[], nowMs: number): void {
  const again = over.filter((message) => p.messages.queueAgain(message, 'same attempt'));
  recordQueuedAgain(
    p,
    agent,
    again.map(({ id }) => id),
    nowMs,
  );
}

function recordQueuedAgain(p: TownPorts, agent: AgentId, messages: MessageId[], nowMs: number): void {
  if (messages.length > 0) p.events.append('reeve.message.queued_again', agent, { messages }, nowMs);
}

/** All that the agent held, because it, its session or its container is gone. What was under way to it did not arrive. */
export function requeueAll(p: TownPorts, agent: AgentId, nowMs: number): void {
  requeueMessages(p, agent, p.messages.handedOver(agent), nowMs);
  p.messages.forgetSent(agent);
  p.withdrawals.forget(agent);
  p.queues.forget(agent);
  closePermissions(p, agent, nowMs);
}
