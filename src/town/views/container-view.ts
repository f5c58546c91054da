/** A container as people see it, from the town's rows alone (T10). Pure. */
import type { ContainerView, TownId } from '#protocol';
import { timestamp } from '#lib/clock.ts';
import { needsSweep, type Agent } from '../../roster/agent.ts';
import type { ContainerRecord } from '../state/container-store.ts';

/** `agents`: those that live there. */
export function containerView(
  town: TownId,
  container: ContainerRecord,
  agents: readonly Agent[],
  nowMs: number,
): ContainerView {
  const { openedAtMs, backoffUntilMs: until, failures } = container;
  const heard = [openedAtMs, ...agents.map(({ lastHeardAtMs }) => lastHeardAtMs)].filter((at) => at !== null);
  const [state, sinceMs] = containerState(container, agents);
  return {
    container: `${town}:${container.index}`,
    state,
    since: timestamp(sinceMs),
    session_since: timestamp(openedAtMs),
    last_heard_at: timestamp(heard.length === 0 ? null : Math.max(...heard)),
    held: until > nowMs ? { until: timestamp(until), failures } : null,
    refused_since: timestamp(container.refusedSinceMs),
    next_probe_at: timestamp(container.probeAtMs),
    agents: agents.map(({ id }) => id),
  };
}

/** The worst that is known; and since when, where that is stored. */
export function containerState(
  container: ContainerRecord,
  agents: readonly Agent[],
): [ContainerView['state'], number | null] {
  const { session, lostAtMs, unheardSinceMs, asleepSinceMs } = container;
  if (lostAtMs !== null) return ['lost', lostAtMs];
  if (unheardSinceMs !== null) return ['silent', unheardSinceMs];
  if (asleepSinceMs !== null) return ['asleep', asleepSinceMs];
  if (session === null) return ['new', null];
  return [agents.some(({ state }) => needsSweep(state)) ? 'running' : 'idle', null];
}
