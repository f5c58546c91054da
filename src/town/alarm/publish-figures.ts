import type { Figures } from '../../directory/figures.ts';
import { rests } from '../state/figures-plan.ts';
import type { TownPorts } from '../ports.ts';
import { readFigures } from '../views/read-health.ts';
import { dueTimes } from './run-due.ts';

/**
 * Says to the directory in numbers how this town is, behind its work, where `FiguresPlan` has it due. One at a time. Writes no row of
 * the town: what is lost with this object is found again in its events, from the last one that the directory has counted.
 */
export function publishFigures(p: TownPorts): Promise<void> {
  return p.flights.run('figures', async () => {
    const known = await p.figures.known(() => p.directory.figures());
    const now = p.clock.now();
    if (known === null) return p.figures.notReached(now);
    const due = dueTimes(p);
    // Asked after the await: the town may be gone, and what the directory has may be new enough.
    if (!p.town.exists() || !p.figures.isDue(due, now)) return;
    const said = known.value?.figures ?? null;
    p.figures.computed();
    const own = { rests: Number(rests(due, now)), alarm_lag_ms: p.figures.alarmLagMs };
    const figures: Figures = { ...readFigures(p, said), ...own };
    if (said !== null && isSame(said, figures)) return;
    const published = { atMs: now, figures };
    if (await p.directory.publishFigures(published)) p.figures.published(published);
    else p.figures.notReached(now);
  });
}

function isSame(one: Figures, other: Figures): boolean {
  const others = new Map(Object.entries(other));
  const entries = Object.entries(one);
  return entries.length === others.size && entries.every(([name, value]) => others.get(name) === value);
}
