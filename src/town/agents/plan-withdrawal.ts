import type { Message } from '../../outbox/message.ts';
import { takesMessages, type Agent } from '../../roster/agent.ts';
import { SAFETY_RETRY_MS } from '../../tokens/refresh-policy.ts';
import type { TownPorts } from '../ports.ts';

/**
 * Plans that a cancelled message is taken back from its control server, where a delivery of the message was sent (`tries`)
 * to an incarnation that still runs. One that is being stopped ends with all that it holds. Synchronous, inside the
 * transaction that cancels.
 */
export function planWithdrawal(p: TownPorts, { id, agent: owner, tries }: Message): void {
  const agent = p.agents.get(owner);
  if (tries === 0 || agent === null || !mayHold(agent)) return;
  const now = p.clock.now();
  p.withdrawals.add({ message: id, agent: owner, inc: agent.inc, sinceMs: now }, now + SAFETY_RETRY_MS);
}

/** Whether this incarnation runs, and goes on running. */
export function mayHold(agent: Agent): boolean {
  return agent.session !== null && takesMessages(agent.state);
}
