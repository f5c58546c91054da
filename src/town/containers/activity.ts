import type { AgentId } from '#protocol';
import { nextSweepAt } from '../../tokens/refresh-policy.ts';
import type { TownPorts } from '../ports.ts';
import { beginWatch } from './check-liveness.ts';

/**
 * Brings an agent's state in line with its messages: it works while it holds an unfinished one. An idle agent's push is not
 * retried: its next message brings a fresh token. When the town goes from idle to working, a sweep that fell due while nobody
 * needed one is moved to its next phase. Synchronous, inside a transaction of the caller.
 */
export function recordActivity(p: TownPorts, id: AgentId): void {
  const agent = p.agents.get(id);
  if (agent === null) return;
  if (p.messages.hasUnfinished(id)) {
    if (agent.state !== 'idle') return;
    const now = p.clock.now();
    const town = p.town.get();
    if (town !== null && town.sweepAtMs <= now && !p.agents.isAnyInUse()) {
      p.town.planSweep(nextSweepAt(p.id, p.settings.refreshIntervalMs, now));
    }
    p.agents.move(id, 'working');
    beginWatch(p, id);
    return;
  }
  if (agent.state !== 'working' && agent.state !== 'stalled') return;
  p.agents.move(id, 'idle');
  p.tokens.retry(id, null, 0);
}
