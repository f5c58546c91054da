import { earliestDue, planAlarm } from './alarm-plan.ts';
import type { TownPorts } from './ports.ts';
import { dueTimes } from './run-due.ts';

/**
 * Sets the alarm for what is due next, or none (T5). `exact` at the end of a run, where the guard has to go; elsewhere an alarm
 * that rings too early is left alone. Answers when something is due, which may be past.
 */
export async function rearm(p: TownPorts, exact: boolean): Promise<number | null> {
  await p.alarm.read();
  // Planned after the await: in it somebody may have made something due.
  const now = p.clock.now();
  const due = dueTimes(p);
  await p.alarm.plan(planAlarm(due, now), now, exact);
  return earliestDue(due);
}
