import type { TownPorts } from '../ports.ts';

/**
 * Notices that the key set is another than the town last worked with: the sweep is due now, and refreshes every agent at work
 * whose token another key signed, whatever its age. The others get the new key with their next message or pull.
 */
export function recordKeySet(p: TownPorts): void {
  const { keySet } = p.settings;
  if (p.town.get()?.keySet === keySet) return;
  p.transaction(() => {
    p.town.useKeySet(keySet);
    p.town.planSweep(p.clock.now());
    p.events.append('reeve.keys.changed', p.id, {}, p.clock.now());
  });
}
