/**
 * The end of a town, in steps that each may be the last before a crash: the directory is marked, then the town; its agents are
 * retired, its containers confirm and are given up, everything stored is wiped, and the directory's entry goes last. A container
 * that has not confirmed after ten minutes is waited for no longer: what runs there has no town that would accept its calls.
 * The stored due times bring the alarm back, and where even that is lost the watchdog.
 */
import type { AgentId } from '#protocol';
import { SAFETY_RETRY_MS } from '../tokens/refresh-policy.ts';
import { giveUpEnds } from './containers/abandon-container.ts';
import { confirmEnd, retireAgent } from './delivery/end-agent.ts';
import type { TownPorts } from './ports.ts';
import { waitsUntil } from './alarm/removal-due.ts';

/** A container that could not be given up is asked again after this (ms). */
const RETRY_MS = 60_000;

/** From here on no person is let in, no token of an agent is accepted, and no stream goes on. A second one changes nothing. */
export function beginRemoval(p: TownPorts): void {
  p.transaction(() => {
    if (p.town.get()?.removalDueAtMs !== null) return;
    const now = p.clock.now();
    p.town.planRemoval(now + SAFETY_RETRY_MS, now);
    p.webhooks.removeAll();
    for (const { id } of p.agents.live()) retireAgent(p, id);
  });
  for (const { socket } of p.readers.open()) p.readers.close(socket, 'ended');
}

/** Asks all containers side by side to confirm; in each, the first agent that is not confirmed leaves the rest to the alarm. */
export async function confirmAll(p: TownPorts): Promise<void> {
  const owed = new Map<number, AgentId[]>();
  for (const { id, container } of p.agents.liveOrEnding()) owed.set(container, [...(owed.get(container) ?? []), id]);
  await Promise.all(
    [...owed.values()].map(async (agents) => {
      for (const id of agents) {
        await confirmEnd(p, id);
        if (p.agents.get(id)?.endDueAtMs !== null) return;
      }
    }),
  );
}

/** The last steps, once no container is waited for any more. Single flight; what fails is tried again, until then. */
export function finishRemoval(p: TownPorts): Promise<void> {
  let wiped = false;
  return p.flights.run('remove', async () => {
    const town = wiped ? null : p.town.get();
    if (town === null) return;
    const isOver = p.clock.now() >= waitsUntil(town);
    const containers = p.containers.list();
    if (isOver) p.transaction(() => containers.forEach(({ index }) => giveUpEnds(p, index)));
    if (p.agents.earliest('end') !== null) return;
    const now = p.clock.now();
    p.town.planRemoval(now + RETRY_MS, now);
    const given = await Promise.all(
      containers.map(({ index }) => p.slots.run('delivery', index, () => p.link(index).destroy())),
    );
    if (!isOver && given.some(({ kind }) => kind === 'unreachable')) return;
    await p.wipe();
    wiped = true;
    await p.directory.remove();
  });
}
