/**
 * The end of a town, in steps that each may be the last before a crash: the directory is marked, then the town; its agents are
 * retired, its containers confirm and are given up, everything stored is wiped, and the directory's entry goes last. The stored
 * due times bring the alarm back, and where even that is lost the watchdog.
 */
import type { AgentId } from '#protocol';
import { SAFETY_RETRY_MS } from '../tokens/refresh-policy.ts';
import { confirmEnd, retireAgent } from './end-agent.ts';
import type { TownPorts } from './ports.ts';

/** A container that could not be given up is asked again after this (ms). */
const RETRY_MS = 60_000;

/** From here on nobody is let in, no token of an agent is accepted, and no stream goes on. A second one changes nothing. */
export function beginRemoval(p: TownPorts): void {
  p.transaction(() => {
    if (p.town.get()?.removalDueAtMs !== null) return;
    p.town.planRemoval(p.clock.now() + SAFETY_RETRY_MS);
    for (const { id } of p.agents.live()) retireAgent(p, id);
  });
  for (const { socket } of p.readers.open()) p.readers.close(socket, 'ended');
}

/** Asks all containers side by side to confirm; in each, the first agent that is not confirmed leaves the rest to the alarm. */
export async function confirmAll(p: TownPorts): Promise<void> {
  const owed = new Map<number, AgentId[]>();
  for (const { id, container } of p.agents.watched()) owed.set(container, [...(owed.get(container) ?? []), id]);
  await Promise.all(
    [...owed.values()].map(async (agents) => {
      for (const id of agents) {
        await confirmEnd(p, id);
        if (p.agents.get(id)?.endDueAtMs !== null) return;
      }
    }),
  );
}

/** The last steps, once every container has confirmed. Single flight; what fails is tried again. */
export function finishRemoval(p: TownPorts): Promise<void> {
  let wiped = false;
  return p.flights.run('remove', async () => {
    if (wiped || p.agents.earliestEnd() !== null) return;
    p.town.planRemoval(p.clock.now() + RETRY_MS);
    const given = await Promise.all(
      p.containers.list().map(({ index }) => p.slots.run('delivery', index, () => p.link(index).destroy())),
    );
    if (given.some(({ kind }) => kind === 'unreachable')) return;
    await p.wipe();
    wiped = true;
    await p.directory.remove();
  });
}
