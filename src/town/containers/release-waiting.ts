/** A container gave a sign of life: what waits only because it was not reached is due at once. Synchronous. */
import { needsSweep, takesMessages, type Agent } from '../../roster/agent.ts';
import { SAFETY_RETRY_MS } from '../../tokens/refresh-policy.ts';
import { RUN_BUDGET_AGENTS } from '../state/alarm-plan.ts';
import type { ContainerRecord } from '../state/container-store.ts';
import { issueRefusal } from '../agents/issue-refusal.ts';
import { nextLift } from './lift-plan.ts';
import type { TownPorts } from '../ports.ts';

/** Outcome of a start that was never sent, because its container had no session to send it in. */
export const NOT_REACHED = 'unreachable';

/** Outcomes of something that answers: a sign of life does not shorten its wait. */
const ANSWERED: readonly (string | null)[] = ['busy', 'draining', 'server_error', 'refused'];

/**
 * Lifts the backoff of a container, as it was before the sign of life, and brings forward what waits for it: deliveries,
 * starts, ends, pushes and its new session. When that is, `nextLift` says, so a container that speaks and cannot be reached
 * is not asked in a loop. What was refused, or was asked to wait, keeps its own time. Inside a transaction of the caller.
 */
export function releaseWaiting(p: TownPorts, was: ContainerRecord): void {
  const { atMs, lifts, liftFromMs } = nextLift(was, p.clock.now());
  p.containers.lift(was.index, atMs, lifts, liftFromMs);
  for (const agent of p.agents.inContainer(was.index)) {
    if (issueRefusal(agent, p.tokens.get(agent.id)) === null) releaseAgent(p, agent, was.backoffUntilMs, atMs);
  }
  for (const { id, container, endDueAtMs, endTries } of p.agents.due(
    'end',
    Number.MAX_SAFE_INTEGER,
    RUN_BUDGET_AGENTS,
  )) {
    const isWaiting = endDueAtMs === was.backoffUntilMs || endTries > 0;
    if (container === was.index && isWaiting && (endDueAtMs ?? 0) > atMs) p.agents.planEnd(id, atMs, endTries);
  }
  if (was.renewTries > 0 && (was.renewDueAtMs ?? 0) > atMs) p.containers.planRenewal(was.index, atMs, was.renewTries);
}

/** What waits longer than `atMs`, for the backoff itself or for its next try after one without an answer. */
function releaseAgent(p: TownPorts, agent: Agent, backoffUntilMs: number, atMs: number): void {
  const { id, state, startDueAtMs, startTries } = agent;
  const { retryAtMs, retryTries, lastOutcome, mintedAtMs } = p.tokens.get(id);
  const waits = (dueAtMs: number | null, tries: number): dueAtMs is number => {
    if (dueAtMs === null || dueAtMs <= atMs) return false;
    return dueAtMs === backoffUntilMs || (tries > 0 && !ANSWERED.includes(lastOutcome));
  };
  if (state === 'starting') {
    if (!waits(startDueAtMs, startTries)) return;
    // One that was sent may be what keeps the control server from answering: it is not repeated on the heels of the last try
    // (K-13).
    const earliestMs = lastOutcome === NOT_REACHED ? atMs : Math.max(atMs, mintedAtMs + SAFETY_RETRY_MS);
    p.agents.planStart(id, Math.min(earliestMs, startDueAtMs), startTries);
    return;
  }
  const withdrawal = p.withdrawals.first(id);
  if (withdrawal !== null && (withdrawal.tries > 0 || backoffUntilMs > atMs))
    p.withdrawals.plan(id, atMs, withdrawal.tries);
  if (needsSweep(state) && waits(retryAtMs, retryTries)) p.tokens.retry(id, atMs, retryTries);
  if (!takesMessages(state) || !p.messages.hasQueued(id)) return;
  const queue = p.queues.retryOf(id);
  if (queue.tries > 0 && ANSWERED.includes(lastOutcome)) return;
  if (Math.max(backoffUntilMs, queue.retryAtMs ?? 0) <= atMs) return;
  // The failures stay counted: where the way is still blocked, the wait goes on growing from here.
  p.queues.failed(id, queue.tries, queue.tries > 0 ? atMs : null);
  p.messages.planQueue(id, atMs);
}
