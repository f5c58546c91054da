/** The rows of a town that its health and its figures are computed from. */
import type { TownHealth } from '#protocol';
import { messageOf } from '#lib/result.ts';
import type { Figures } from '../../directory/figures.ts';
import type { Agent } from '../../roster/agent.ts';
import type { TownPorts } from '../ports.ts';
import { countsOf, townFigures } from './figures.ts';
import { townHealth, type HealthInput } from './health.ts';

/** Sweeps with something to do are what counts; a day of them is kept. */
const SWEEPS_LOOKED_AT = 24;
/** The ones that fail for longest come first. */
const FAILURES_SHOWN = 100;
/** So are the oldest questions. */
const QUESTIONS_SHOWN = 100;

/** The town's health, computed from the rows at this moment. */
export function readHealth(p: TownPorts): TownHealth {
  return townHealth(healthInput(p));
}

/** The town in numbers, from the same rows, with what happened since it said them last; null: it has said nothing yet. */
export function readFigures(p: TownPorts, before: Figures | null): Figures {
  const input = healthInput(p);
  const counted = countsOf(before, p.events.head(), (after) => p.events.tally(after));
  return { ...counted, ...townFigures(input, townHealth(input).status) };
}

function healthInput(p: TownPorts): HealthInput {
  const queued = new Map(p.messages.queued().map((queue) => [queue.agent, queue]));
  const unreadable: Agent[] = [];
  const agents = p.agents.liveOrEnding().flatMap((agent) => {
    try {
      return [
        {
          agent,
          credential: p.tokens.get(agent.id),
          withdrawal: p.withdrawals.first(agent.id),
          queued: queued.get(agent.id) ?? null,
          failure: p.runtimes.failureOf(agent.id),
        },
      ];
    } catch (thrown) {
      p.log.error('town.row_broken', { town: p.id, agent: agent.id, error: messageOf(thrown) });
      unreadable.push(agent);
      return [];
    }
  });
  const sweeps = p.sweeps.latest(SWEEPS_LOOKED_AT);
  return {
    agents,
    unreadable,
    failures: p.failures.current(p.clock.now(), FAILURES_SHOWN),
    questions: p.permissions.listOpen(0, QUESTIONS_SHOWN),
    sweeps,
    containers: p.containers.list(),
    webhooks: p.webhooks.list(),
    schemaAhead: p.schemaAhead(),
    activeKid: p.settings.activeKid,
    validFromMs: p.town.get()?.validFromMs ?? 0,
    nowMs: p.clock.now(),
  };
}
