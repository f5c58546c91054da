import { earliestDue, shouldPublish } from '../state/alarm-plan.ts';
import type { TownPorts } from '../ports.ts';
import { dueTimes } from './run-due.ts';

/**
 * Publishes to the directory when this town has something to do next, so that the watchdog can miss it. One at a time, and the plan is
 * read when it is sent, so an older one never comes last. A failure leaves the published time as it was, and the next call
 * publishes it.
 */
export function publishDue(p: TownPorts): Promise<void> {
  return p.flights.run('publish', async () => {
    const due = earliestDue(dueTimes(p));
    if (!shouldPublish(p.town.get()?.publishedDueAtMs ?? null, due, p.clock.now())) return;
    if (await p.directory.plan(due)) p.town.published(due);
  });
}
