/** A cancelled message is taken back from the control server, which may hold it although its delivery was not answered. */
import type { AgentId } from '#protocol';
import { backoffMs } from '#lib/backoff.ts';
import { PUSH_RETRY, SAFETY_RETRY_MS } from '../../tokens/refresh-policy.ts';
import { doubtContainer, backoffUntil } from '../containers/containers.ts';
import { sendInterrupt } from './interrupt-agent.ts';
import { mayHold } from '../agents/plan-withdrawal.ts';
import type { TownPorts } from '../ports.ts';

/**
 * Asks the control server until it has confirmed each. Single flight per agent; what it does not confirm comes back by its
 * due time.
 */
export function withdrawMessages(p: TownPorts, id: AgentId): Promise<void> {
  return p.flights.run(`withdraw:${id}`, async () => {
    while (await withdrawOne(p, id));
  });
}

/** Returns whether the next may follow at once. */
async function withdrawOne(p: TownPorts, id: AgentId): Promise<boolean> {
  const owed = p.withdrawals.first(id);
  if (owed === null) return false;
  const agent = p.agents.get(id);
  if (agent === null || agent.inc !== owed.inc || !mayHold(agent)) {
    p.withdrawals.forget(id);
    return false;
  }
  const waitsUntilMs = backoffUntil(p, agent.container);
  p.withdrawals.plan(id, waitsUntilMs ?? p.clock.now() + SAFETY_RETRY_MS, owed.tries);
  if (waitsUntilMs !== null) return false;
  const answer = await sendInterrupt(p, id, { message: owed.message, withdraw: true });
  if (answer?.kind === 'answered') {
    // Interrupted, or not there; or the agent is gone, and what it held with it.
    p.withdrawals.confirmed(owed.message);
    return true;
  }
  if (answer?.kind === 'unreachable') {
    p.transaction(() => {
      const wait = backoffMs(PUSH_RETRY, owed.tries + 1, p.random(), answer.retryAfterMs);
      p.withdrawals.plan(id, p.clock.now() + wait, owed.tries + 1);
      doubtContainer(p, agent.container, answer);
    });
    return false;
  }
  // It runs nowhere any more, and what it held is forgotten with it.
  return false;
}
