/** What the alarm does: everything that is due, side by side, each on its own. */
import type { AgentId, PermissionId } from '#protocol';
import { messageOf } from '#lib/result.ts';
import { needsSweep } from '../../roster/agent.ts';
import { SAFETY_RETRY_MS } from '../../tokens/refresh-policy.ts';
import { RUN_BUDGET_AGENTS, RUN_BUDGET_MS, type DueTimes } from '../state/alarm-plan.ts';
import type { StoredDueTimes } from '../state/due-store.ts';
import { reviveAgent } from '../agents/agent-gone.ts';
import { tendDelegations } from '../ledger/announce.ts';
import { eachIsolated, oneIsolated } from '../agents/due-work.ts';
import { confirmEnd } from '../delivery/end-agent.ts';
import { endStreams } from '../stream/handle-reader-frame.ts';
import { tendPermission } from '../delivery/answer-permission.ts';
import { publishMembersDue } from '../members/publish-members.ts';
import { pruneMessages } from '../agents/record-finished.ts';
import type { TownPorts } from '../ports.ts';
import { probeContainer } from '../containers/probe-container.ts';
import { refreshSweep, retryPushes } from '../credentials/refresh-sweep.ts';
import { removalDue } from './removal-due.ts';
import { renewContainer } from '../containers/renew-container.ts';
import { serveAgent } from '../delivery/serve-agent.ts';
import { checkLiveness } from '../containers/check-liveness.ts';
import { withdrawMessages } from '../delivery/withdraw-messages.ts';
import { tendWebhooks } from '../webhooks/post-events.ts';

/** When each kind of work is due. */
export function dueTimes(p: TownPorts): DueTimes {
  return { ...p.due.read(() => storedDueTimes(p)), socketEnd: p.readers.firstEnd() };
}

/** From the stores. A sweep, and the probe of a lost container, count only while an agent is at work: an idle town sleeps. */
function storedDueTimes(p: TownPorts): StoredDueTimes {
  const isAtWork = p.agents.isAnyInUse();
  const town = p.town.get();
  return {
    sweep: isAtWork ? (town?.sweepAtMs ?? null) : null,
    pushRetry: p.tokens.earliestRetry(),
    delivery: p.messages.earliestDelivery(),
    start: p.agents.earliest('start'),
    end: p.agents.earliest('end'),
    withdrawal: p.withdrawals.earliest(),
    removal: removalDue(p),
    renewal: p.containers.earliestRenewal(),
    liveness: earliest(p.agents.earliest('livenessCheck'), p.containers.earliestProbe(isAtWork)),
    revival: p.agents.earliest('revival'),
    delegation: p.delegations.earliestDeadline(),
    announcement: p.delegations.earliestAnnouncement(),
    permission: p.permissions.earliest(),
    // Of one that is being deleted the directory lists no members.
    members: town?.removalDueAtMs === null ? town.membersDueAtMs : null,
    webhook: p.webhooks.earliest(),
  };
}

function earliest(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}

/**
 * Runs what is due. Never rejects: a failure of one is logged and leaves the others alone (F9). Every piece of work moves its
 * due time ahead before it begins, so what waits for a slot is not found due again, and comes back if it dies.
 */
export async function runDue(p: TownPorts): Promise<void> {
  const now = p.clock.now();
  const until = now + RUN_BUDGET_MS;
  const retries = p.tokens.retriesDue(now, RUN_BUDGET_AGENTS);
  eachIsolated(
    p,
    'retry',
    retries,
    (id) => moveRetry(p, id, now),
    (id, atMs) => p.tokens.retry(id, atMs, 0),
  );
  checkLiveness(p, RUN_BUDGET_AGENTS);
  const probes = p.containers.probesDue(p.clock.now(), p.agents.isAnyInUse());
  const revivals = p.agents.due('revival', now, RUN_BUDGET_AGENTS).map(({ id }) => id);
  eachIsolated(
    p,
    'revive',
    revivals,
    (id) => reviveAgent(p, id),
    (id, atMs) => p.agents.postpone(id, now, atMs),
  );
  const ends = p.agents.due('end', now, RUN_BUDGET_AGENTS);
  const starts = p.agents.due('start', now, RUN_BUDGET_AGENTS).map((agent) => agent.id);
  const served = new Set([...starts, ...p.messages.deliveriesDue(now, RUN_BUDGET_AGENTS)]);
  await runIsolated(p, 'delegations', async () => tendDelegations(p).forEach((id) => served.add(id)));
  await Promise.all([
    ...p.containers.renewalsDue(now).map((index) => onContainer(p, 'renew', index, () => renewContainer(p, index))),
    runIsolated(p, 'streams', async () => endStreams(p)),
    runIsolated(p, 'members', () => publishMembersDue(p)),
    ...ends.map(({ id }) => onAgent(p, 'end', id, () => confirmEnd(p, id))),
    ...p.withdrawals.due(now, RUN_BUDGET_AGENTS).map((id) => onAgent(p, 'withdraw', id, () => withdrawMessages(p, id))),
    ...p.permissions.due(now, RUN_BUDGET_AGENTS).map(({ id }) => onPermission(p, id)),
    ...[...served].map((id) => onAgent(p, 'serve', id, () => serveAgent(p, id))),
    tendWebhooks(p, p.webhooks.due(now)),
    ...probes.map((index) => onContainer(p, 'probe', index, () => probeContainer(p, index))),
    runIsolated(p, 'sweep', () => p.flights.run('sweep', () => refreshSweep(p, until))),
    runIsolated(p, 'retry', () => retryPushes(p, retries, until)),
    runIsolated(p, 'prune', async () => p.transaction(() => pruneMessages(p, now))),
  ]);
}

/** The stored plan of a push moves on before it is sent. */
function moveRetry(p: TownPorts, id: AgentId, nowMs: number): void {
  // An agent that is not at work gets a fresh token with what comes next: a push to it that this object died in is not
  // repeated.
  if (needsSweep(p.agents.get(id)?.state ?? 'retired')) {
    p.tokens.retry(id, nowMs + SAFETY_RETRY_MS, p.tokens.get(id).retryTries);
  } else p.tokens.retry(id, null, 0);
}

/** Work on one agent: where it throws, all that is due of this agent waits, and of no other. */
function onAgent(p: TownPorts, work: string, id: AgentId, run: () => Promise<void>): Promise<void> {
  return oneIsolated(p, work, id, run, (atMs) => {
    // What has moved ahead to a repeat counts as due too: the repeat would throw as well.
    const soonMs = p.clock.now() + SAFETY_RETRY_MS;
    p.agents.postpone(id, soonMs, atMs);
    if (work === 'withdraw') p.withdrawals.plan(id, atMs, 0);
    if (p.messages.deliveriesDue(soonMs, RUN_BUDGET_AGENTS).includes(id)) p.messages.planQueue(id, atMs);
  });
}

/** The same for one question of an agent. */
function onPermission(p: TownPorts, id: PermissionId): Promise<void> {
  return oneIsolated(
    p,
    'permission',
    id,
    () => tendPermission(p, id),
    (atMs) => p.permissions.plan(id, atMs, 0),
  );
}

/** The same for one container. */
function onContainer(p: TownPorts, work: 'probe' | 'renew', index: number, run: () => Promise<void>): Promise<void> {
  return oneIsolated(p, work, `container ${index}`, run, (atMs) => {
    const { probeTries = 0, renewTries = 0 } = p.containers.get(index) ?? {};
    if (work === 'probe') p.containers.planProbe(index, atMs, probeTries);
    else p.containers.planRenewal(index, atMs, renewTries);
  });
}

/** A broken invariant in one piece of work ends that piece, and is logged. */
export async function runIsolated(p: TownPorts, work: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (thrown) {
    p.log.error('town.work_failed', { town: p.id, work, error: messageOf(thrown) });
  }
}
