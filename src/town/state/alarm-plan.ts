/** When the town's one alarm fires. Pure: why a town woke up is decided in this file. */
import { OVERDUE_MS } from '../../directory/directory-store.ts';

/** Every reason for an alarm and when it is due, in ms; null where there is none. */
export interface DueTimes {
  readonly sweep: number | null;
  readonly pushRetry: number | null;
  readonly delivery: number | null;
  readonly start: number | null;
  readonly end: number | null;
  /** A cancelled message that the control server has yet to let go of. */
  readonly withdrawal: number | null;
  /** A new session that a container owes since a restore. */
  readonly renewal: number | null;
  /** The last steps of a deletion, once no container has to confirm any more. */
  readonly removal: number | null;
  /** The first stream whose credential is over. */
  readonly socketEnd: number | null;
  /** A liveness check of an agent at work, or a probe of a container that is in doubt. */
  readonly liveness: number | null;
  /** Another try for an agent that has failed. */
  readonly revival: number | null;
  /** The first deadline of an open delegation, and the first announcement that waits. */
  readonly delegation: number | null;
  readonly announcement: number | null;
  /** A person's answer that an agent has yet to get, or a question that was not reported as over after its deadline. */
  readonly permission: number | null;
  /** The list of members, which the directory has yet to get. */
  readonly members: number | null;
  /** Events that a webhook has yet to get. */
  readonly webhook: number | null;
}

/** Set before any work: if the object dies in it, the alarm fires again this much later (ms). */
export const GUARD_MS = 15_000;
/** A run of the alarm begins nothing new after this (ms); the rest is due at once. */
export const RUN_BUDGET_MS = 10_000;
/** A run of the alarm serves no more agents than this of each kind of work; the rest is due at once. */
export const RUN_BUDGET_AGENTS = 1000;
/** An alarm that is overdue by more than this (ms) was lost. */
export const LOST_AFTER_MS = 60_000;

/**
 * The time of the alarm: the earliest of what is due, at least a millisecond ahead, because an alarm set to now inside the
 * alarm is lost. Null: nothing is due, and the town costs nothing (T5, K-10).
 */
export function planAlarm(due: DueTimes, nowMs: number): number | null {
  const earliest = earliestDue(due);
  return earliest === null ? null : Math.max(earliest, nowMs + 1);
}

/** The earliest of what is due, which may be past; null: nothing is. */
export function earliestDue(due: DueTimes): number | null {
  const times = Object.values(due).filter((at): at is number => at !== null);
  return times.length === 0 ? null : Math.min(...times);
}

/**
 * A later due time is published only if it is later by more than this (ms). Half of the watchdog's threshold: a town at work, whose
 * next liveness check moves all the time, then writes to the directory at most once in five minutes.
 */
const LATER_BY_MS = OVERDUE_MS / 2;

/**
 * Whether the directory, which has `published`, needs to be updated because the town is now due at `due`.
 *
 * A time within the guard interval is not published: the work is under way, or the alarm fires within seconds. If neither happens,
 * the time has passed by the next call and is published then.
 *
 * "Nothing is due" is published only if the published time is far away. An agent that replies within seconds switches between due
 * and not due with each message; keeping the published time for a few minutes saves two writes per message. If the town stays idle,
 * the watchdog finds it overdue once, and that call clears the entry.
 */
export function shouldPublish(published: number | null, due: number | null, nowMs: number): boolean {
  if (due === null) return published !== null && (published > nowMs + LATER_BY_MS || published <= nowMs - OVERDUE_MS);
  if (due > nowMs && due <= nowMs + GUARD_MS) return false;
  return published === null || due < published || due > published + LATER_BY_MS;
}

/** Whether the alarm that is set has to be set anew to fire at `wanted`. */
export function mustRearm(set: number | null, wanted: number | null, nowMs: number): boolean {
  if (wanted === null) return set !== null;
  if (set === null) return true;
  // One that is set earlier fires, finds nothing due and plans again; moving it back and forth would cost a write each time.
  return set > wanted || set < nowMs - LOST_AFTER_MS;
}
