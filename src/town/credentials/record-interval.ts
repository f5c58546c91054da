import { nextSweepAt } from '../../tokens/refresh-policy.ts';
import type { TownPorts } from '../ports.ts';

/**
 * Notices that the next sweep is further away than one interval: it was planned when intervals were longer, and tokens may be
 * shorter-lived by now. It comes at the town's own phase of the interval that holds now.
 */
export function recordInterval(p: TownPorts): void {
  const { refreshIntervalMs } = p.settings;
  const now = p.clock.now();
  if ((p.town.get()?.sweepAtMs ?? 0) <= now + refreshIntervalMs) return;
  p.transaction(() => p.town.planSweep(nextSweepAt(p.id, refreshIntervalMs, now)));
}
