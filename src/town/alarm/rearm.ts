import type { DueTimes } from '../state/alarm-plan.ts';
import type { TownPorts } from '../ports.ts';
import { dueTimes } from './run-due.ts';

/** A run of the alarm that is over: when it began, and what was due then. */
export interface RunBegun {
  readonly startedAtMs: number;
  readonly before: DueTimes;
}

/**
 * Sets the alarm for what is due next, or none (T5). Exactly at the end of a `run`, where the guard has to go; elsewhere an alarm
 * that fires too early is left alone. What two runs in a row left due as it was is put off and logged: no work serves it, and
 * otherwise the alarm would fire for it without end. Returns what is due, which may be past.
 */
export async function rearm(p: TownPorts, run: RunBegun | null): Promise<DueTimes> {
  await p.alarm.read();
  // Planned after the await: in it another request may have made something due.
  const now = p.clock.now();
  const due = dueTimes(p);
  const unmoved = run === null ? [] : p.alarm.learn({ ...run, endedAtMs: now, after: due });
  if (unmoved.length > 0) p.log.error('alarm.due_unmoved', { town: p.id, kinds: unmoved.join(' ') });
  await p.alarm.plan(p.alarm.wanted(due, now), now, run !== null);
  return due;
}
