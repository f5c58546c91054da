import type { TownId } from '#protocol';
import type { Member } from '../../people/member-store.ts';
import type { Directory, RestoreMark } from '../../directory/directory-store.ts';
import type { FiguresStore, PublishedFigures } from '../../directory/figures-store.ts';
import { within } from '#lib/clock.ts';
import type { Log } from '#lib/log.ts';
import { messageOf } from '#lib/result.ts';

/** Longest time (ms) for one call of the directory. */
const CALL_TIMEOUT_MS = 10_000;

/** What a town says to the directory of itself, and asks it. Never rejects: what did not come through is logged; of a write `false` says so. */
export interface TownDirectory {
  plan(dueAtMs: number | null): Promise<boolean>;
  /** Whether the directory has this town, and not as one that is being deleted; null: it could not be asked. */
  holds(): Promise<boolean | null>;
  /** What this town said of itself in numbers last, if it did; null: the directory could not be asked. */
  figures(): Promise<{ readonly value: PublishedFigures | null } | null>;
  publishFigures(published: PublishedFigures): Promise<boolean>;
  /** The whole list of members; one of an older revision than the directory has changes nothing. */
  publishMembers(revision: number, members: readonly Member[]): Promise<boolean>;
  /** From here on no caller finds this town, and the watchdog ends it. */
  markDeleted(nowMs: number): Promise<boolean>;
  /** From here on it is known that this town goes back to an earlier state; false: it is not, or the town is being deleted. */
  markRestore(nowMs: number, undo: string): Promise<boolean>;
  /** The newest such mark, if there is one; null: it could not be asked. */
  restoreMark(): Promise<{ readonly value: RestoreMark | null } | null>;
  /** Clears the entry of a town that is deleted. */
  remove(): Promise<boolean>;
}

/** The directory as one town uses it. Failures are logged, and never thrown. */
export function townDirectory(
  { directory, figures }: { readonly directory: Directory; readonly figures: FiguresStore },
  town: TownId,
  log: Log,
): TownDirectory {
  let isFailing = false;
  const call = async <T>(what: string, work: Promise<T>): Promise<{ readonly value: T } | null> => {
    try {
      const value = await within(CALL_TIMEOUT_MS, work);
      if (isFailing) log.info('directory.reached_again', { town, what });
      isFailing = false;
      return { value };
    } catch (thrown) {
      isFailing = true;
      log.error('directory.call_failed', { town, what, error: messageOf(thrown) });
      return null;
    }
  };
  return {
    plan: async (dueAtMs) => (await call('plan', directory.plan(town, dueAtMs))) !== null,
    holds: async () => {
      const asked = await call('holds', directory.get(town));
      return asked === null ? null : asked.value !== null;
    },
    figures: () => call('figures', figures.get(town)),
    publishFigures: async (published) => (await call('publish_figures', figures.publish(town, published))) !== null,
    publishMembers: async (revision, members) =>
      (await call('publish_members', directory.publishMembers(town, revision, members))) !== null,
    markDeleted: async (nowMs) => (await call('mark_deleted', directory.markDeleted(town, nowMs))) !== null,
    markRestore: async (nowMs, undo) =>
      (await call('mark_restore', directory.markRestore(town, nowMs, undo)))?.value ?? false,
    restoreMark: () => call('restore_mark', directory.restoreMark(town)),
    remove: async () => (await call('remove', directory.remove(town))) !== null,
  };
}
