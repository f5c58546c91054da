import { nextSweepAt } from '../tokens/refresh-policy.ts';
import type { TownPorts } from './ports.ts';
import type { TownRecord } from './state/town-store.ts';

/** Makes this town exist; the same again changes nothing. The caller has brought the tables up. */
export function createTown(p: TownPorts, { name, owner }: Pick<TownRecord, 'name' | 'owner'>): void {
  p.transaction(() => {
    if (p.town.get() !== null) return;
    const now = p.clock.now();
    const sweepAtMs = nextSweepAt(p.id, p.settings.refreshIntervalMs, now);
    const { keySet } = p.settings;
    // The directory has the town as due since it was entered there. That is no plan of the town, so whatever it says first
    // is published.
    p.town.create({ id: p.id, name, owner, createdAtMs: now, sweepAtMs, keySet, publishedDueAtMs: 0 });
    // The directory has its first owner since it has the town.
    p.members.put({ person: owner, role: 'owner', sinceMs: now, addedBy: null });
    p.events.append('reeve.town.created', p.id, { name }, now);
  });
}
