import { GIVEN_UP_AFTER_MS } from '../containers/liveness-plan.ts';
import type { TownPorts } from '../ports.ts';
import type { TownRecord } from '../state/town-store.ts';

/** When the last steps are due: once every container has confirmed, or is waited for no longer. Null: the town lives. */
export function removalDue(p: TownPorts): number | null {
  const town = p.town.get();
  if (town === null || town.removalDueAtMs === null) return null;
  return p.agents.earliest('end') === null ? town.removalDueAtMs : waitsUntil(town);
}

/** Until when containers are waited for. */
export const waitsUntil = ({ removalSinceMs }: TownRecord): number => (removalSinceMs ?? 0) + GIVEN_UP_AFTER_MS;
