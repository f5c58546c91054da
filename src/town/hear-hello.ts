import { noteSession } from './containers.ts';
import type { TownPorts } from './ports.ts';

/**
 * A control server came up somewhere: looks whether one of this town's containers is meant. Only those are asked that have
 * agents, and those that were abandoned, which are taken back with a session in which nothing runs.
 */
export async function hearHello(p: TownPorts): Promise<void> {
  for (const { index, lostAtMs } of p.containers.list()) {
    if (lostAtMs === null && p.agents.inContainer(index).length === 0) continue;
    const answer = await (lostAtMs === null ? p.link(index).check() : p.link(index).renew());
    if (answer.kind === 'answered') noteSession(p, index, answer.value);
  }
}
