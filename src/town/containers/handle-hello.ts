import { sideBySide } from '#lib/clock.ts';
import { messageOf } from '#lib/result.ts';
import { backoffUntil, recordSession } from './containers.ts';
import type { TownPorts } from '../ports.ts';

/**
 * A Worker that passes a hello on waits at most this long (ms) for a town: a container that hangs is asked behind the answer.
 */
export const HELLO_WAIT_MS = 5000;
/** Containers that are asked side by side: as many requests as an object may have waiting. */
const WORKERS = 6;

/**
 * A control server came up somewhere: checks whether it is one of this town's containers. Only those are asked that have
 * agents, and those that were abandoned, which are taken back with a session in which nothing runs. Each has the time bound of
 * its link, and one that hangs, or whose rows break, costs the others nothing; those that the town backs off from come last.
 */
export async function handleHello(p: TownPorts): Promise<void> {
  const indexes = p.containers.list().map(({ index }) => index);
  const isInBackoff = (index: number): boolean => backoffUntil(p, index) !== null;
  const inOrder = [...indexes.filter((index) => !isInBackoff(index)), ...indexes.filter(isInBackoff)];
  await sideBySide(WORKERS, inOrder, async (index) => {
    try {
      await ask(p, index);
    } catch (thrown) {
      p.log.error('hello.container_failed', { town: p.id, container: index, error: messageOf(thrown) });
    }
  });
}

async function ask(p: TownPorts, index: number): Promise<void> {
  // Read when its turn comes: while others were asked, this one may have been found, and agents be at work in it.
  const isLost = (p.containers.get(index)?.lostAtMs ?? null) !== null;
  if (!isLost && p.agents.inContainer(index).length === 0) return;
  const answer = await (isLost ? p.link(index).renew() : p.link(index).check());
  if (answer.kind === 'answered') recordSession(p, index, answer.value);
}
