import type { AgentId } from '#protocol';
import type { TownPorts } from '../ports.ts';

/**
 * Refuses every token of the agent that is out, from here on, and mints none until a person starts it again. Its messages wait;
 * a turn that it is in goes on in the container, but nothing that it says is accepted. A second one changes nothing that
 * matters.
 */
export function revokeAgent(p: TownPorts, id: AgentId): void {
  p.transaction(() => {
    const agent = p.agents.get(id);
    if (agent === null || agent.state === 'retired') return;
    const now = p.clock.now();
    p.tokens.revoke(id, now);
    p.messages.planQueue(id, null);
    // Nothing that it says is accepted from here on, so no sign of life is expected.
    p.agents.planLivenessCheck(id, null);
    if (agent.state === 'starting') {
      p.agents.move(id, 'idle');
      p.agents.planStart(id, null, 0);
    }
    p.events.append('reeve.agent.revoked', id, { incarnation: agent.inc }, now);
  });
}
