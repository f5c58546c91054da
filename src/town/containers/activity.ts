import type { AgentId } from '#protocol';
import { nextSweepAt } from '../../tokens/refresh-policy.ts';
import type { TownPorts } from '../ports.ts';
import { beginWork } from './check-liveness.ts';

/**
 * Brings an agent's state in line with its messages: it works while it holds an unfinished one. An idle agent's push is not
 * retried: its next message brings a fresh token. When the town goes from idle to working, a sweep that fell due while no agent
 * needed one is moved to its next phase. Returns whether it moved; with the move the counter of the batch of events that
 * reported it is written. Synchronous, inside a transaction of the caller.
 */
export function recordActivity(p: TownPorts, id: AgentId, counter?: number): boolean {
  const agent = p.agents.get(id);
  if (agent === null) return false;
  const reported = counter ?? agent.reported;
  if (p.messages.hasUnfinished(id)) {
    if (agent.state !== 'idle') return false;
    const now = p.clock.now();
    const town = p.town.get();
    if (town !== null && town.sweepAtMs <= now && !p.agents.isAnyInUse()) {
      p.town.planSweep(nextSweepAt(p.id, p.settings.refreshIntervalMs, now));
    }
    beginWork(p, agent, reported);
    return true;
  }
  if (agent.state !== 'working' && agent.state !== 'stalled') return false;
  p.agents.move(id, 'idle', { reported });
  p.tokens.retry(id, null, 0);
  return true;
}
