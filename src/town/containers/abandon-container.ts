/** A silent container is given up, and its agents live elsewhere; when it gives a sign of life again, it is taken back. */
import { backoffMs } from '#lib/backoff.ts';
import { agentGone, beginIncarnation } from '../agents/agent-gone.ts';
import { recordAnswer, recordSession } from './containers.ts';
import type { TownPorts } from '../ports.ts';
import { requeueAll } from '../agents/requeue-messages.ts';

/** How often a lost container is asked whether it is back, while the town is at work: after a minute, doubling to an hour. */
const LOST_RETRY = { firstMs: 60_000, maxMs: 3_600_000 } as const;

/**
 * Abandons a container. In one step it is lost and everything that ran in it is gone, so that from here on its agents' tokens are
 * superseded; their next incarnations begin where another address is, or here once it is back; stops and teardowns that it has not
 * confirmed are given up. Then its session is given up, so
 * that its secret buys nothing, and so that the session which replaces it ends whatever still runs (K-12).
 */
export async function abandonContainer(p: TownPorts, index: number): Promise<void> {
  p.transaction(() => {
    const now = p.clock.now();
    const agents = p.agents.inContainer(index);
    p.containers.lose(index, now, now + LOST_RETRY.firstMs);
    const ids = agents.filter(({ session }) => session !== null).map(({ id }) => id);
    p.events.append('reeve.container.lost', `${p.id}:${index}`, { agents: ids }, now);
    for (const agent of agents) {
      // A start that was sent may have landed there without an answer: only a new incarnation is sure to be the only one.
      if (agent.state === 'starting') beginIncarnation(p, agent);
      else agentGone(p, agent, { why: 'container_lost', containerRuns: false });
    }
    giveUpEnds(p, index);
  });
  const answer = await p.link(index).renew();
  if (answer.kind === 'answered') recordSession(p, index, answer.value);
}

/**
 * No container will confirm: it is abandoned, and what still runs in it ends before it is used again (K-12). A stopped agent may start
 * elsewhere. A retired one keeps its session, by which the town knows that no container has confirmed, until the container
 * has a new one. Synchronous, inside a transaction of the caller.
 */
export function giveUpEnds(p: TownPorts, container: number): void {
  const now = p.clock.now();
  for (const { id, inc, state } of p.agents.endingIn(container)) {
    p.agents.planEnd(id, null, 0);
    if (state === 'stopped') {
      p.agents.ended(id);
      requeueAll(p, id, now);
    } else p.events.append('reeve.agent.teardown_given_up', id, { incarnation: inc }, now);
  }
}

/** Asks a lost container whether it is back. What it held of old ends with the session that is opened then. */
export async function askAgain(p: TownPorts, index: number): Promise<void> {
  const answer = await p.link(index).renew();
  if (answer.kind === 'answered') {
    recordSession(p, index, answer.value);
    return;
  }
  recordAnswer(p, index, answer);
  p.transaction(() => {
    const container = p.containers.get(index);
    if (container === null || container.lostAtMs === null) return;
    const tries = container.probeTries + 1;
    p.containers.planProbe(index, p.clock.now() + backoffMs(LOST_RETRY, tries, p.random()), tries);
  });
}
