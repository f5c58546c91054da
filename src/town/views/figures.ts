/** A town in numbers, from the same rows as its health. Pure. What changes with time alone is said as the time it counts from. */
import { AGENT_STATES, CONTAINER_STATES, type TownHealth } from '#protocol';
import { ALL_EVENT_COUNTS, type Figures } from '../../directory/figures.ts';
import type { EventTally } from '../../events/event-store.ts';
import { needsSweep } from '../../roster/agent.ts';
import { containerState } from './container-view.ts';
import { isServed, type AgentHealth, type HealthInput } from './health.ts';

/** `status` is that of the health of the same input. */
export function townFigures(input: HealthInput, status: TownHealth['status']): Figures {
  const live = input.agents.filter(({ agent }) => agent.state !== 'retired');
  const [sweep] = input.sweeps;
  return {
    status: { green: 0, amber: 1, red: 2 }[status],
    ...agentCounts(live),
    ...containerCounts(input, live),
    ...tokenFigures(live.filter(({ agent, credential }) => needsSweep(agent.state) && credential.acked > 0)),
    ...pushFigures(live),
    ...queueFigures(live),
    ...(sweep === undefined
      ? {}
      : { sweep_at_ms: sweep.startedAtMs, sweep_ms: sweep.finishedAtMs - sweep.startedAtMs }),
  };
}

/**
 * What is counted of events: what was counted `before`, and what came since by `tally`. A town that was put back to an earlier state
 * has other events under the same numbers: what it had counted stays, and it counts on from where it is.
 */
export function countsOf(before: Figures | null, head: number, tally: (after: number) => EventTally): Figures {
  const counts = new Map<string, number>(ALL_EVENT_COUNTS.map((name) => [name, before?.[name] ?? 0]));
  const after = before?.head ?? head;
  if (after >= head) return { ...Object.fromEntries(counts), head };
  const since = tally(after);
  for (const [name, count] of since.counts) counts.set(name, (counts.get(name) ?? 0) + count);
  return { ...Object.fromEntries(counts), head: since.head };
}

function agentCounts(live: readonly AgentHealth[]): Figures {
  const states = AGENT_STATES.filter((state) => state !== 'retired');
  const count = (of: string): number => live.filter(({ agent }) => agent.state === of).length;
  return {
    ...Object.fromEntries(states.map((state) => [`agents_${state}`, count(state)])),
    agents_silent: live.filter(({ agent }) => agent.stalledWhy === 'silent').length,
  };
}

function containerCounts({ containers }: HealthInput, live: readonly AgentHealth[]): Figures {
  const agents = live.map(({ agent }) => agent);
  const states = containers.map((one) => {
    const housed = agents.filter(({ container }) => container === one.index);
    return containerState(one, housed)[0];
  });
  const count = (of: string): number => states.filter((state) => state === of).length;
  return Object.fromEntries(CONTAINER_STATES.map((state) => [`containers_${state}`, count(state)]));
}

/** Of agents at work: those use their tokens now. */
function tokenFigures(inUse: readonly AgentHealth[]): Figures {
  const credentials = inUse.map(({ credential }) => credential);
  const expiries = credentials.flatMap(({ expiresAtMs }) => expiresAtMs ?? []).toSorted((one, other) => one - other);
  const unacked = credentials.filter(({ minted, acked }) => minted > acked);
  return known({
    in_use: inUse.length,
    expires_first_at_ms: expiries[0],
    // By nearest rank: of up to a hundred agents it is the first.
    expires_p1_at_ms: expiries[Math.ceil(expiries.length / 100) - 1],
    issued_first_at_ms: least(credentials.map(({ issuedAtMs }) => issuedAtMs)),
    unacked_first_at_ms: least(unacked.map(({ mintedAtMs }) => mintedAtMs)),
    gap_acked: greatest(credentials.map(({ minted, acked }) => minted - acked)),
    gap_in_use: greatest(credentials.map(({ acked, inUse: used }) => acked - used)),
  });
}

/** Of every live agent: how long its last push took, from minting to its ack, and whether pushes fail. */
function pushFigures(live: readonly AgentHealth[]): Figures {
  const acked = live.filter(({ credential: { acked, minted, ackedAtMs } }) => acked === minted && ackedAtMs !== null);
  const failing = live.flatMap(({ credential }) => credential.failingSinceMs ?? []);
  return known({
    ack_lag_ms: greatest(
      acked.map(({ credential }) => Math.max(0, (credential.ackedAtMs ?? 0) - credential.mintedAtMs)),
    ),
    failing: failing.length,
    failing_first_at_ms: least(failing),
  });
}

/** What waits for an agent that a person stopped, or that was given up, waits for them: its age says nothing. */
function queueFigures(live: readonly AgentHealth[]): Figures {
  const queues = live.flatMap(({ agent, credential, queued }) =>
    queued === null ? [] : [{ ...queued, served: isServed(agent, credential) }],
  );
  return known({
    waiting: queues.reduce((sum, { count }) => sum + count, 0),
    waiting_first_at_ms: least(queues.map(({ served, sinceMs }) => (served ? sinceMs : null))),
  });
}

const least = (values: readonly (number | null)[]): number | undefined =>
  values.filter((value) => value !== null).toSorted((one, other) => one - other)[0];
const greatest = (values: readonly number[]): number | undefined => values.toSorted((one, other) => other - one)[0];

/** Without what is not known. */
function known(figures: { readonly [Name in keyof Figures]: number | undefined }): Figures {
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined));
}
