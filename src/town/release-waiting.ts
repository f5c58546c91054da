/** A container gave a sign of life: what waits only because it was not reached is due at once. Synchronous. */
import { needsSweep, takesMessages, type Agent } from '../roster/agent.ts';
import { SAFETY_RETRY_MS } from '../tokens/refresh-policy.ts';
import { RUN_BUDGET_AGENTS } from './alarm-plan.ts';
import type { ContainerRecord } from './container-store.ts';
import { issueRefusal } from './issue-refusal.ts';
import { nextLift } from './lift-plan.ts';
import type { TownPorts } from './ports.ts';

/** Outcome of a start that was never sent, because its container had no session to send it in. */
export const NOT_REACHED = 'unreachable';

/** Outcomes of something that answers: it may take its time, whoever else is alive. */
const ANSWERED: readonly (string | null)[] = ['busy', 'server_error', 'refused'];

/**
 * Lifts the hold of a container, as it was before the sign, and brings forward what waits for it: deliveries, starts, ends, pushes
 * and its new session. No more often than `nextLift` allows, so a container that speaks and cannot be reached is not asked in a
 * loop. What was refused, or was asked to wait, keeps its own time. Inside a transaction of the caller.
 */
export function releaseWaiting(p: TownPorts, was: ContainerRecord): void {
  const now = p.clock.now();
  const lifted = nextLift(was, now);
  if (lifted === null) return;
  p.containers.lift(was.index, lifted.lifts, lifted.liftFromMs);
  for (const agent of p.agents.inContainer(was.index)) {
    if (issueRefusal(agent, p.tokens.get(agent.id)) === null) releaseAgent(p, agent, was.heldUntilMs, now);
  }
  for (const { id, container, endDueAtMs, endTries } of p.agents.endsDue(Number.MAX_SAFE_INTEGER, RUN_BUDGET_AGENTS)) {
    const isHeld = endDueAtMs === was.heldUntilMs || endTries > 0;
    if (container === was.index && isHeld && (endDueAtMs ?? 0) > now) p.agents.planEnd(id, now, endTries);
  }
  if (was.renewTries > 0 && (was.renewDueAtMs ?? 0) > now) p.containers.planRenewal(was.index, now, was.renewTries);
}

function releaseAgent(p: TownPorts, agent: Agent, heldUntilMs: number, nowMs: number): void {
  const { id, state, startDueAtMs, startTries } = agent;
  const { retryAtMs, retryTries, lastOutcome, mintedAtMs } = p.tokens.get(id);
  /** It waits for the hold itself, or for its next try after one that nothing answered. */
  const waits = (dueAtMs: number | null, tries: number): boolean => {
    if (dueAtMs === null || dueAtMs <= nowMs) return false;
    return dueAtMs === heldUntilMs || (tries > 0 && !ANSWERED.includes(lastOutcome));
  };
  if (state === 'starting') {
    // One that was sent may be what keeps the box from answering: it is not repeated on the heels of the last try (K-13).
    const isSent = startDueAtMs !== heldUntilMs && lastOutcome !== NOT_REACHED;
    const atMs = isSent ? Math.max(nowMs, mintedAtMs + SAFETY_RETRY_MS) : nowMs;
    if (waits(startDueAtMs, startTries)) p.agents.planStart(id, Math.min(atMs, startDueAtMs ?? atMs), startTries);
    return;
  }
  const withdrawal = p.withdrawals.first(id);
  if (withdrawal !== null) p.withdrawals.plan(id, nowMs, withdrawal.tries);
  if (needsSweep(state) && waits(retryAtMs, retryTries)) p.tokens.retry(id, nowMs, retryTries);
  if (!takesMessages(state) || !p.messages.hasQueued(id)) return;
  const queue = p.queues.retryOf(id);
  if (heldUntilMs <= nowMs && !waits(queue.retryAtMs, queue.tries)) return;
  if (queue.tries > 0 && ANSWERED.includes(lastOutcome)) return;
  // The failures stay counted: where the way is still blocked, the wait goes on growing from here.
  p.queues.failed(id, queue.tries, null);
  p.messages.planQueue(id, nowMs);
}
