import { MAX_MEMBERS_PER_TOWN } from '#protocol';
import type { TownPorts } from '../ports.ts';

/** The caller of a change waits so long (ms) for the directory; then the alarm goes on. */
export const PUBLISH_WAIT_MS = 2000;
/** After this (ms) the list is sent again. */
const RETRY_MS = 60_000;

/**
 * Sends the list of members to the directory, where it has yet to get it. One at a time, and the list is read when it is sent; the
 * plan of the next try is stored before, so that one which dies is made up by the alarm.
 */
export function publishMembers(p: TownPorts): Promise<void> {
  return p.flights.run('members', async () => {
    const town = p.town.get();
    if (town === null || town.membersDueAtMs === null || town.removalDueAtMs !== null) return;
    p.town.planMembers(p.clock.now() + RETRY_MS);
    const isThere = await p.directory.publishMembers(town.membersRevision, p.members.list('', MAX_MEMBERS_PER_TOWN));
    // It may have been wiped meanwhile.
    if (isThere && p.town.exists()) p.town.membersPublished(town.membersRevision);
  });
}

/** The same, where a try is due. */
export async function publishMembersDue(p: TownPorts): Promise<void> {
  const dueAtMs = p.town.get()?.membersDueAtMs ?? Infinity;
  if (dueAtMs <= p.clock.now()) await publishMembers(p);
}
