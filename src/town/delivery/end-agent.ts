/** Ends an agent: stop and teardown. What they promise holds from their answer on; the container confirms now or later. */
import type { AgentEnded, AgentId } from '#protocol';
import { backoffMs } from '#lib/backoff.ts';
import type { LinkAnswer } from '../../link/container-link.ts';
import type { Agent } from '../../roster/agent.ts';
import { PUSH_RETRY, SAFETY_RETRY_MS } from '../../tokens/refresh-policy.ts';
import { doubtContainer, backoffUntil, recordAnswer } from '../containers/containers.ts';
import { endDelegationsOf } from '../ledger/finish-delegation.ts';
import { inSlot } from '../containers/in-slot.ts';
import { forgetRetired } from '../agents/forget-retired.ts';
import { recordFinished } from '../agents/record-finished.ts';
import type { TownPorts } from '../ports.ts';
import { closePermissions } from '../agents/record-permission.ts';
import { requeueAll } from '../agents/requeue-messages.ts';

/**
 * Teardown. In one step the agent is retired for ever (T9), so its token is refused from here on; its unfinished messages end
 * as `failed`; and the confirmation that process and registry key are gone is planned. A second one changes nothing.
 */
export function retireAgent(p: TownPorts, id: AgentId): void {
  p.transaction(() => {
    const agent = p.agents.get(id);
    if (agent === null || agent.state === 'retired') return;
    const now = p.clock.now();
    p.agents.move(id, 'retired');
    p.agents.planStart(id, null, 0);
    p.agents.planEnd(id, now + SAFETY_RETRY_MS, 0);
    p.tokens.retry(id, null, 0);
    p.withdrawals.forget(id);
    const failed = p.messages.failAll(id, 'agent_retired', now);
    p.events.append('reeve.agent.retired', id, { incarnation: agent.inc, failed_messages: failed }, now);
    closePermissions(p, id, now);
    endDelegationsOf(p, id, now);
    recordFinished(p, id, failed, now);
    forgetRetired(p, now);
  });
}

/**
 * Stop. Its token is refused from here on and its messages wait; what it held is queued again once the control server confirms.
 */
export function stopAgent(p: TownPorts, id: AgentId): void {
  p.transaction(() => {
    const agent = p.agents.get(id);
    if (agent === null || agent.state === 'retired' || agent.state === 'stopped') return;
    const now = p.clock.now();
    p.agents.move(id, 'stopped');
    p.agents.planStart(id, null, 0);
    p.agents.planEnd(id, now + SAFETY_RETRY_MS, 0);
    p.tokens.retry(id, null, 0);
    p.withdrawals.forget(id);
    p.messages.planQueue(id, null);
    p.events.append('reeve.agent.stopped', id, { incarnation: agent.inc }, now);
    closePermissions(p, id, now);
  });
}

/**
 * Tells the control server to stop or retire the agent, until it says that it did. Single flight per agent; repeated by its
 * due time.
 */
export function confirmEnd(p: TownPorts, id: AgentId): Promise<void> {
  return p.flights.run(`end:${id}`, async () => {
    const asked = p.agents.get(id);
    if (asked === null || asked.endDueAtMs === null) return;
    // The first one may ask a container that the town backs off from: a person waits for it. A repeat may not.
    const isFirst = asked.endTries === 0;
    const waitsUntilMs = isFirst ? null : backoffUntil(p, asked.container);
    p.agents.planEnd(id, waitsUntilMs ?? p.clock.now() + SAFETY_RETRY_MS, asked.endTries);
    if (waitsUntilMs !== null) return;
    await inSlot(p, {
      pool: 'delivery',
      container: asked.container,
      mayAskInBackoff: isFirst,
      work: () => attempt(p, id),
      inBackoff: (untilMs) => {
        p.transaction(() => {
          const agent = p.agents.get(id);
          if (agent !== null && agent.endDueAtMs !== null) p.agents.planEnd(id, untilMs, agent.endTries);
        });
      },
    });
  });
}

async function attempt(p: TownPorts, id: AgentId): Promise<void> {
  const agent = p.agents.get(id);
  if (agent === null || agent.endDueAtMs === null) return;
  const answer = await send(p, agent);
  if (answer !== null) recordAnswer(p, agent.container, answer);
  p.transaction(() => settle(p, agent, answer));
}

/** Null: it was never started anywhere, so there is nothing to end. */
async function send(p: TownPorts, agent: Agent): Promise<LinkAnswer<AgentEnded> | null> {
  // A start may be under way whose answer is still out: then the container's session is where it may have landed.
  const session = agent.session ?? p.containers.get(agent.container)?.session ?? null;
  if (session === null) return null;
  const order = { agent: agent.id, body: { inc: agent.inc } };
  return p.link(agent.container).call(agent.state === 'retired' ? 'retire' : 'stop', session, order);
}

function settle(p: TownPorts, asked: Agent, answer: LinkAnswer<AgentEnded> | null): void {
  const agent = p.agents.get(asked.id);
  // Started again meanwhile: the next incarnation replaces the one that was to stop.
  if (agent === null || agent.endDueAtMs === null || agent.inc !== asked.inc) return;
  const now = p.clock.now();
  if (answer?.kind === 'unreachable') {
    const tries = agent.endTries + 1;
    p.agents.planEnd(agent.id, now + backoffMs(PUSH_RETRY, tries, p.random(), answer.retryAfterMs), tries);
    // Asked whether it is there at all: where it is abandoned, this is given up with it.
    doubtContainer(p, agent.container, answer);
    return;
  }
  // Answered, or the container sleeps, or runs another session: either way the process and its key are gone.
  p.agents.planEnd(agent.id, null, 0);
  p.agents.ended(agent.id);
  if (agent.state === 'stopped') requeueAll(p, agent.id, now);
  else p.events.append('reeve.agent.teardown_confirmed', agent.id, { incarnation: agent.inc }, now);
}

/** Whether its container has confirmed that a retired agent is gone. */
export function isEndConfirmed(p: TownPorts, id: AgentId): boolean {
  const agent = p.agents.get(id);
  return agent?.endDueAtMs === null && agent.session === null;
}
