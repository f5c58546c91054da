/**
 * A town goes back to an earlier state of its database, and everything that the town knows goes back with it. That it did so is known
 * only by the mark in the directory, which is written before anything goes back; each object asks for it once, before it answers its
 * first call. So a token or a generation of the time that is undone is accepted at no moment, whoever dies in between, and a mark for
 * which nothing went back costs every agent one start (docs/decisions/0010-restore-mark.md).
 */
import type { Restored, RestoreBegun } from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import type { RestoreMark } from '../directory/directory-store.ts';
import { SAFETY_RETRY_MS } from '../tokens/refresh-policy.ts';
import { publishMembers } from './members/publish-members.ts';
import type { TownPorts } from './ports.ts';
import { renewContainer } from './containers/renew-container.ts';

/** The platform keeps the states of 30 days: so far back (ms) is asked for, a minute less, so that it is not gone by then. */
export const REACH_MS = 30 * 24 * 3_600_000 - 60_000;

/** Where to go back to: a time, or the bookmark of a state. */
export type RestoreTarget = { readonly atMs: number } | { readonly bookmark: string };

/** `out_of_reach`: before the town was made, more than 30 days back, or yet to come. `not_supported`: the platform keeps no past. */
export type RestoreRefusal = 'out_of_reach' | 'not_supported' | 'unavailable';

/**
 * Goes back: a moment after the answer the object ends, and the next call finds the earlier state. Refused, nothing changes. Where it
 * rejects nothing went back, and the next start of the object takes it for restored all the same.
 */
export async function beginRestore(p: TownPorts, target: RestoreTarget): Promise<Result<RestoreBegun, RestoreRefusal>> {
  const found = await findState(p, target);
  if (!found.ok) return found;
  const undo = await p.recovery.current();
  // First: what goes back without it would accept what was revoked since.
  if (!(await p.directory.markRestore(p.clock.now(), undo))) return err('unavailable');
  await p.recovery.goBack(found.value);
  return ok({ undo });
}

async function findState(p: TownPorts, target: RestoreTarget): Promise<Result<string, RestoreRefusal>> {
  const now = p.clock.now();
  const earliestMs = Math.max(now - REACH_MS, p.town.get()?.createdAtMs ?? now);
  const earliest = await p.recovery.bookmarkAt(earliestMs);
  if (earliest === null) return err('not_supported');
  if ('atMs' in target) {
    if (target.atMs < earliestMs || target.atMs > now) return err('out_of_reach');
    const bookmark = await p.recovery.bookmarkAt(target.atMs);
    return bookmark === null ? err('not_supported') : ok(bookmark);
  }
  const { bookmark } = target;
  return bookmark < earliest || bookmark > (await p.recovery.current()) ? err('out_of_reach') : ok(bookmark);
}

/**
 * Finds out whether this object woke up in an earlier state than the one that it left, and finishes that. False: the directory could
 * not be asked, so no caller may be answered. Once true it stays so for as long as the object is in memory.
 */
export async function noticeRestore(p: TownPorts): Promise<boolean> {
  const asked = await p.directory.restoreMark();
  if (asked === null) return false;
  const mark = asked.value;
  // What is due at once is done by the alarm.
  if (mark !== null && mark.atMs > (p.town.get()?.restoreMarkMs ?? mark.atMs)) takeUp(p, 0, mark);
  return true;
}

/**
 * After the database was put back to an earlier state by other means: whatever was issued before now is refused, so no token that was
 * revoked or retired since that state comes back, and every container gets a new session, in which live agents start again by
 * themselves. Returns how many containers have theirs; the others are asked again until they do, or are abandoned (T5). The same again does it again:
 * it breaks no promise, and costs every agent one more start.
 */
export async function restoreTown(p: TownPorts): Promise<Restored> {
  const containers = takeUp(p, SAFETY_RETRY_MS, null);
  await Promise.all([publishMembers(p), ...containers.map((index) => renewContainer(p, index))]);
  const renewed = containers.filter((index) => p.containers.get(index)?.renewDueAtMs === null);
  return { containers: containers.length, renewed: renewed.length };
}

/** The earlier state becomes the town's own. What has to leave the object is due `waitMs` from now; returns its containers. */
function takeUp(p: TownPorts, waitMs: number, mark: RestoreMark | null): number[] {
  const containers = p.containers.list().map(({ index }) => index);
  p.transaction(() => {
    const now = p.clock.now();
    // Times in tokens are whole seconds: the next one, so that nothing issued within this second passes.
    p.town.setValidFrom((Math.floor(now / 1000) + 1) * 1000);
    if (mark !== null) p.town.noticed(mark.atMs);
    // Members are those of that state again: the directory is told so.
    p.town.membersChanged(now, now + waitMs);
    for (const index of containers) p.containers.planRenewal(index, now + waitMs, 0);
    p.events.append('reeve.town.restored', p.id, mark === null ? {} : { undo: mark.undo }, now);
  });
  return containers;
}
