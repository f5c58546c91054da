import { mustRearm, planAlarm } from './alarm-plan.ts';
import type { TownPorts } from './ports.ts';
import { dueTimes } from './run-due.ts';

/**
 * Sets the alarm for what is due next, or none (T5). `exact` at the end of a run, where the guard has to go; elsewhere an alarm
 * that rings too early is left alone.
 */
export async function rearm(
  storage: Pick<DurableObjectStorage, 'getAlarm' | 'setAlarm' | 'deleteAlarm'>,
  p: TownPorts,
  exact: boolean,
): Promise<void> {
  const now = p.clock.now();
  const wanted = planAlarm(dueTimes(p), now);
  const set = await storage.getAlarm();
  if (!exact && !mustRearm(set, wanted, now)) return;
  if (wanted === null) await storage.deleteAlarm();
  else if (set !== wanted) await storage.setAlarm(wanted);
}
