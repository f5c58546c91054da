import type { Restored } from '#protocol';
import { SAFETY_RETRY_MS } from '../tokens/refresh-policy.ts';
import { publishMembers } from './members/publish-members.ts';
import type { TownPorts } from './ports.ts';
import { renewContainer } from './containers/renew-container.ts';

/**
 * After the database was put back to an earlier state: whatever was issued before now is refused, so no token that was revoked
 * or retired since that state comes back, and every container gets a new session, in which live agents start again by
 * themselves. Returns how many containers have theirs; the others are asked again until they do, or are abandoned (T5). The same again does it again:
 * it breaks no promise, and costs every agent one more start.
 */
export async function restoreTown(p: TownPorts): Promise<Restored> {
  const containers = p.containers.list().map(({ index }) => index);
  p.transaction(() => {
    const now = p.clock.now();
    // Times in tokens are whole seconds: the next one, so that nothing issued within this second passes.
    p.town.setValidFrom((Math.floor(now / 1000) + 1) * 1000);
    // Members are those of that state again: the directory is told so.
    p.town.membersChanged(now, now + SAFETY_RETRY_MS);
    for (const index of containers) p.containers.planRenewal(index, now + SAFETY_RETRY_MS, 0);
    p.events.append('reeve.town.restored', p.id, {}, now);
  });
  await Promise.all([publishMembers(p), ...containers.map((index) => renewContainer(p, index))]);
  const renewed = containers.filter((index) => p.containers.get(index)?.renewDueAtMs === null);
  return { containers: containers.length, renewed: renewed.length };
}
