/** An incarnation ends and the next begins. Synchronous, inside a transaction of the caller. */
import type { Agent } from '../roster/agent.ts';
import { issueRefusal } from './issue-refusal.ts';
import type { TownPorts } from './ports.ts';

export interface Gone {
  /** For the event: how it was found out. */
  readonly why: 'asleep' | 'session_changed' | 'incarnation_mismatch' | 'unknown_agent';
  readonly containerRuns: boolean;
}

/**
 * This incarnation is gone: what it held is queued again, and the next one is started at once where there is work, or where the
 * container runs anyway. Nothing wakes a container for an agent without messages (T10): it stays idle until its next one.
 */
export function agentGone(p: TownPorts, found: Agent, gone: Gone): void {
  const agent = p.agents.get(found.id);
  if (agent === null || agent.inc !== found.inc) return;
  if (agent.state !== 'idle' && agent.state !== 'working' && agent.state !== 'stalled') return;
  if (agent.session === null) return;
  const now = p.clock.now();
  p.events.append('reeve.agent.gone', agent.id, { incarnation: agent.inc, why: gone.why }, now);
  requeue(p, agent, now);
  const barred = issueRefusal(agent, p.tokens.get(agent.id)) !== null;
  if (!barred && (gone.containerRuns || p.messages.hasQueued(agent.id))) {
    beginIncarnation(p, agent);
    return;
  }
  p.agents.move(agent.id, 'idle');
  p.agents.ended(agent.id);
  p.messages.planQueue(agent.id, null);
}

/** The next incarnation, to be started now. What the last one held is queued again and waits for it. */
export function beginIncarnation(p: TownPorts, agent: Agent): void {
  const now = p.clock.now();
  requeue(p, agent, now);
  p.tokens.retry(agent.id, null, 0);
  p.messages.planQueue(agent.id, null);
  p.agents.nextIncarnation(agent.id, now);
  p.events.append('reeve.agent.starting', agent.id, { incarnation: agent.inc + 1 }, now);
}

/** Unfinished messages become queued again, as new attempts. */
export function requeue(p: TownPorts, agent: Agent, nowMs: number): void {
  const again = p.messages.requeueUnfinished(agent.id);
  if (again.length > 0) p.events.append('reeve.message.queued_again', agent.id, { messages: again }, nowMs);
}
