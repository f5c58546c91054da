/** The hourly watchdog: reads the directory for towns whose alarm or deletion got lost, and wakes those and no others. */
import type { TownId } from '#protocol';
import { OVERDUE_MS, type WatchedTown } from '../directory/directory-store.ts';
import { sideBySide, within } from '#lib/clock.ts';
import { messageOf } from '#lib/result.ts';
import type { Edge } from './edge/edge.ts';

const PAGE = 100;
/** Towns that are woken side by side. */
const WORKERS = 6;
/** Longest time (ms) for one town: it only sets its alarm, or goes on with its end. */
const TOWN_TIMEOUT_MS = 10_000;

/** Counts of one run. `overdue` = `woken` + towns that failed; a page that could not be read counts as `failed` too. */
export interface WatchReport {
  looked: number;
  overdue: number;
  woken: number;
  failed: number;
}

/**
 * Checks every town of the directory, page by page and by key, so that a town which comes or goes meanwhile hides no other
 * . No object of a town that is not overdue is touched. Each failure is counted, logged and skipped (F9). Never rejects.
 */
export async function watchTowns(edge: Pick<Edge, 'directory' | 'town' | 'clock' | 'log'>): Promise<WatchReport> {
  const report: WatchReport = { looked: 0, overdue: 0, woken: 0, failed: 0 };
  const failed = (event: string, town: TownId | null, thrown: unknown): void => {
    report.failed += 1;
    edge.log.error(event, { town, error: messageOf(thrown) });
  };
  let page: WatchedTown[] = [];
  do {
    try {
      page = await edge.directory.pageOfWatched(page.at(-1)?.id ?? '', PAGE);
    } catch (thrown) {
      failed('watchdog.page_failed', null, thrown);
      break;
    }
    const overdue = page.filter((town) => isOverdue(town, edge.clock.now()));
    report.looked += page.length;
    report.overdue += overdue.length;
    await sideBySide(WORKERS, overdue, async ({ id, name, owner, nextDueAtMs, deletedAtMs }) => {
      try {
        const town = edge.town(id);
        const waking = deletedAtMs === null ? town.watch({ name, owner, nextDueAtMs }) : town.remove();
        await within(TOWN_TIMEOUT_MS, Promise.resolve<unknown>(waking));
        report.woken += 1;
      } catch (thrown) {
        failed('watchdog.town_failed', id, thrown);
      }
    });
  } while (page.length === PAGE);
  edge.log.info('watchdog.done', { ...report });
  return report;
}

function isOverdue({ nextDueAtMs }: WatchedTown, nowMs: number): boolean {
  return nextDueAtMs !== null && nextDueAtMs <= nowMs - OVERDUE_MS;
}
