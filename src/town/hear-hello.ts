import { noteSession } from './containers.ts';
import type { TownPorts } from './ports.ts';

/**
 * A control server came up somewhere: looks whether one of this town's containers is meant. Only those are asked that have
 * agents, and those that were abandoned, which are taken back with a session in which nothing runs.
 */
export async function hearHello(p: TownPorts): Promise<void> {
  for (const { index } of p.containers.list()) {
    // Read when its turn comes: while the one before was asked, this one may have been found, and agents be at work in it.
    const isLost = (p.containers.get(index)?.lostAtMs ?? null) !== null;
    if (!isLost && p.agents.inContainer(index).length === 0) continue;
    const answer = await (isLost ? p.link(index).renew() : p.link(index).check());
    if (answer.kind === 'answered') noteSession(p, index, answer.value);
  }
}
