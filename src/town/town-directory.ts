import type { TownId } from '#protocol';
import type { Directory } from '../directory/directory-store.ts';
import { within } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { messageOf } from '../lib/result.ts';

/** Longest time (ms) for one write to the directory. */
const WRITE_TIMEOUT_MS = 10_000;

/** What a town says to the directory of itself. Never rejects: false says that it did not come through, which is logged. */
export interface TownDirectory {
  plan(dueAtMs: number | null): Promise<boolean>;
  /** Clears the entry of a town that is deleted. */
  remove(): Promise<boolean>;
}

export function townDirectory(directory: Directory, town: TownId, log: Log): TownDirectory {
  const write = async (what: string, work: Promise<void>): Promise<boolean> => {
    try {
      await within(WRITE_TIMEOUT_MS, work);
      return true;
    } catch (thrown) {
      log.error('directory.write_failed', { town, what, error: messageOf(thrown) });
      return false;
    }
  };
  return {
    plan: (dueAtMs) => write('plan', directory.plan(town, dueAtMs)),
    remove: () => write('remove', directory.remove(town)),
  };
}
