/** An incarnation ends and the next begins, or none does. Synchronous, inside a transaction of the caller. */
import type { AgentId, FailedReason, GoneReason } from '#protocol';
import type { Agent } from '../../roster/agent.ts';
import { issueRefusal } from './issue-refusal.ts';
import { containerToStartIn } from './place-agent.ts';
import type { TownPorts } from '../ports.ts';
import { requeueAll } from './requeue-messages.ts';
import { REVIVE_AFTER_MS, restartWaitMs } from './restart-plan.ts';

/** Why the incarnation is gone, and whether its container still runs. */
export interface Gone {
  /** For the event: how it was found out. */
  readonly why: GoneReason;
  readonly containerRuns: boolean;
}

/**
 * This incarnation is gone: what it held is queued again. With unfinished messages it is started again, ever more rarely while
 * no turn comes to an end; without, only where the container runs anyway. Nothing wakes a container for an agent without
 * messages (T10, K-13): it stays idle until its next one.
 */
export function agentGone(p: TownPorts, found: Agent, gone: Gone): void {
  const agent = p.agents.get(found.id);
  if (agent === null || agent.inc !== found.inc) return;
  if (agent.state !== 'idle' && agent.state !== 'working' && agent.state !== 'stalled') return;
  if (agent.session === null) return;
  const now = p.clock.now();
  p.events.append('reeve.agent.gone', agent.id, { incarnation: agent.inc, why: gone.why }, now);
  requeueAll(p, agent.id, now);
  if (issueRefusal(agent, p.tokens.get(agent.id)) === null) {
    // A process that ends by itself does so again at once where something is wrong with it: ever more rarely, whatever waits.
    if (p.messages.hasQueued(agent.id) || gone.why === 'exited') return restartAgent(p, agent);
    if (gone.containerRuns) return beginIncarnation(p, agent);
  }
  p.agents.move(agent.id, 'idle');
  p.agents.ended(agent.id);
  p.messages.planQueue(agent.id, null);
}

/** The next incarnation of an agent that got nowhere, after the wait that its restarts so far ask for. */
export function restartAgent(p: TownPorts, agent: Agent): void {
  const waitMs = restartWaitMs(agent.restarts);
  if (waitMs === null) return failAgent(p, agent, 'restarts_exhausted');
  p.agents.countRestart(agent.id);
  beginIncarnation(p, agent, waitMs);
}

/** The next incarnation, to be started after a wait. What the last one held is queued again and waits for it. */
export function beginIncarnation(p: TownPorts, agent: Agent, waitMs = 0): void {
  const now = p.clock.now();
  requeueAll(p, agent.id, now);
  p.tokens.retry(agent.id, null, 0);
  p.messages.planQueue(agent.id, null);
  const container = containerToStartIn(p, agent);
  p.agents.nextIncarnation(agent.id, container, now + waitMs);
  p.events.append('reeve.agent.starting', agent.id, { incarnation: agent.inc + 1, wait_ms: waitMs }, now);
}

/** Given up, until a new message, a person's start, or, with messages that wait, half an hour (`reviveAgent`). */
export function failAgent(p: TownPorts, agent: Agent, why: FailedReason): void {
  const now = p.clock.now();
  p.agents.move(agent.id, 'failed');
  p.agents.ended(agent.id);
  p.tokens.retry(agent.id, null, 0);
  p.messages.planQueue(agent.id, null);
  p.agents.planRevival(agent.id, p.messages.hasQueued(agent.id) ? now + REVIVE_AFTER_MS : null);
  p.events.append('reeve.agent.failed', agent.id, { incarnation: agent.inc, restarts: agent.restarts, why }, now);
}

/** Tries a failed agent again, with all its restarts before it. A revoked one waits for a person. */
export function reviveAgent(p: TownPorts, id: AgentId): void {
  const agent = p.agents.get(id);
  p.agents.planRevival(id, null);
  if (agent?.state !== 'failed') return;
  if (p.tokens.get(id).revokedAtMs !== null || !p.messages.hasQueued(id)) return;
  p.agents.forgetRestarts(id);
  beginIncarnation(p, agent);
}
