/** The hourly watchdog: reads the directory for towns whose alarm or deletion got lost, and wakes those and no others. */
import type { TownId } from '#protocol';
import { OVERDUE_MS } from '../directory/directory-store.ts';
import { sideBySide, within } from '#lib/clock.ts';
import { messageOf } from '#lib/result.ts';
import type { Edge } from './edge/edge.ts';

/**
 * Towns that one query looks at, in some ten milliseconds; it answers with those that are overdue. An invocation may make a thousand
 * queries (docs/scale.md).
 */
const SPAN = 5000;
/** Towns that are woken side by side. */
const WORKERS = 6;
/** Longest time (ms) for one town: it only sets its alarm, or goes on with its end. */
const TOWN_TIMEOUT_MS = 10_000;

/** Counts of one run. `overdue` = `woken` + towns that failed; a span that could not be read counts as `failed` too. */
export interface WatchReport {
  looked: number;
  overdue: number;
  woken: number;
  failed: number;
}

/**
 * Checks every town of the directory, `span` after `span` and by key, so that a town which comes or goes meanwhile hides no other
 * . No object of a town that is not overdue is touched. Each failure is counted, logged and skipped (F9). Never rejects.
 */
export async function watchTowns(
  edge: Pick<Edge, 'directory' | 'town' | 'clock' | 'log'>,
  span = SPAN,
): Promise<WatchReport> {
  const report: WatchReport = { looked: 0, overdue: 0, woken: 0, failed: 0 };
  const failed = (event: string, town: TownId | null, thrown: unknown): void => {
    report.failed += 1;
    edge.log.error(event, { town, error: messageOf(thrown) });
  };
  for (let after = '', isMore = true; isMore;) {
    const found = await edge.directory
      .overdueIn(after, span, edge.clock.now() - OVERDUE_MS)
      .catch((thrown: unknown) => {
        failed('watchdog.page_failed', null, thrown);
        return null;
      });
    if (found === null) break;
    report.looked += found.looked;
    report.overdue += found.towns.length;
    await sideBySide(WORKERS, found.towns, async ({ id, name, owner, nextDueAtMs, deletedAtMs }) => {
      try {
        const town = edge.town(id);
        const waking = deletedAtMs === null ? town.watch({ name, owner, nextDueAtMs }) : town.remove();
        await within(TOWN_TIMEOUT_MS, Promise.resolve<unknown>(waking));
        report.woken += 1;
      } catch (thrown) {
        failed('watchdog.town_failed', id, thrown);
      }
    });
    after = found.last ?? '';
    isMore = found.looked === span;
  }
  edge.log.info('watchdog.done', { ...report });
  return report;
}
