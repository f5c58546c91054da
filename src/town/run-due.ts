/** What the alarm does: everything that is due, side by side, each on its own. */
import { messageOf } from '../lib/result.ts';
import { needsSweep } from '../roster/agent.ts';
import { SAFETY_RETRY_MS } from '../tokens/refresh-policy.ts';
import { RUN_BUDGET_AGENTS, RUN_BUDGET_MS, type DueTimes } from './alarm-plan.ts';
import { reviveAgent } from './agent-gone.ts';
import { tendDelegations } from './announce.ts';
import { confirmEnd } from './end-agent.ts';
import { endStreams } from './hear-reader.ts';
import { pruneMessages } from './note-finished.ts';
import type { TownPorts } from './ports.ts';
import { probeContainer } from './probe-container.ts';
import { refreshSweep, retryPushes } from './refresh-sweep.ts';
import { removalDue } from './remove-town.ts';
import { renewContainer } from './restore-town.ts';
import { serveAgent } from './serve-agent.ts';
import { lookAtAgents } from './watch-liveness.ts';
import { withdrawMessages } from './withdraw-messages.ts';

/** When each kind of work is due, from the stores. A sweep, and a look at a lost container, count only while an agent is at work: an idle town sleeps. */
export function dueTimes(p: TownPorts): DueTimes {
  const isAtWork = p.agents.isAnyInUse();
  return {
    sweep: isAtWork ? (p.town.get()?.sweepAtMs ?? null) : null,
    pushRetry: p.tokens.earliestRetry(),
    delivery: p.messages.earliestDelivery(),
    start: p.agents.earliestStart(),
    end: p.agents.earliestEnd(),
    withdrawal: p.withdrawals.earliest(),
    removal: removalDue(p),
    renewal: p.containers.earliestRenewal(),
    socketEnd: p.readers.firstEnd(),
    liveness: earliest(p.agents.earliestLook(), p.containers.earliestProbe(isAtWork)),
    revival: p.agents.earliestRevival(),
    delegation: p.delegations.earliestDeadline(),
    announcement: p.delegations.earliestAnnouncement(),
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
  p.transaction(() => {
    for (const id of retries) {
      // Whoever is not at work gets a fresh token with what comes next: a push to it that this object died in is not repeated.
      if (needsSweep(p.agents.get(id)?.state ?? 'retired')) {
        p.tokens.retry(id, now + SAFETY_RETRY_MS, p.tokens.get(id).retryTries);
      } else p.tokens.retry(id, null, 0);
    }
  });
  lookAtAgents(p, RUN_BUDGET_AGENTS);
  const probes = p.containers.probesDue(p.clock.now(), p.agents.isAnyInUse());
  p.transaction(() => {
    for (const { id } of p.agents.revivalsDue(now, RUN_BUDGET_AGENTS)) reviveAgent(p, id);
  });
  const ends = p.agents.endsDue(now, RUN_BUDGET_AGENTS);
  const starts = p.agents.startsDue(now, RUN_BUDGET_AGENTS).map((agent) => agent.id);
  const served = new Set([...starts, ...p.messages.deliveriesDue(now, RUN_BUDGET_AGENTS)]);
  await alone(p, 'delegations', async () => tendDelegations(p).forEach((id) => served.add(id)));
  await Promise.all([
    ...p.containers.renewalsDue(now).map((index) => alone(p, 'renew', () => renewContainer(p, index))),
    alone(p, 'streams', async () => endStreams(p)),
    ...ends.map((agent) => alone(p, 'end', () => confirmEnd(p, agent.id))),
    ...p.withdrawals.due(now, RUN_BUDGET_AGENTS).map((id) => alone(p, 'withdraw', () => withdrawMessages(p, id))),
    ...[...served].map((id) => alone(p, 'serve', () => serveAgent(p, id))),
    ...probes.map((index) => alone(p, 'probe', () => probeContainer(p, index))),
    alone(p, 'sweep', () => p.flights.run('sweep', () => refreshSweep(p, until))),
    alone(p, 'retry', () => retryPushes(p, retries, until)),
    alone(p, 'prune', async () => p.transaction(() => pruneMessages(p, now))),
  ]);
}

/** A broken invariant in one piece of work ends that piece, and is told. */
export async function alone(p: TownPorts, work: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (thrown) {
    p.log.error('town.work_failed', { town: p.id, work, error: messageOf(thrown) });
  }
}
