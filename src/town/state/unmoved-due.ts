/**
 * Due times that runs of the alarm leave as they were. A safety net: what is due and is not moved would fire each millisecond.
 */
import { RUN_BUDGET_MS, type DueTimes } from './alarm-plan.ts';

type Kind = keyof DueTimes;

/** One run of the alarm: what was due when it began, and what is due after it. Times in ms. */
export interface Run {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly before: DueTimes;
  readonly after: DueTimes;
}

/** The first such run may have met work that was under way; after a second one no work is at it. */
const MOST_RUNS = 2;
/** The alarm fires for it this much later (ms): a fault of this kind costs a run a minute. */
const PUT_OFF_MS = 60_000;

/**
 * Remembers, in memory, which kinds of work were due in two runs in a row without their due time moving, and puts the alarm off for
 * those. Everything else stays due when it is, and so do they once their time moves.
 */
export class UnmovedDue {
  readonly #seen = new Map<Kind, { readonly atMs: number; readonly runs: number; readonly untilMs: number }>();

  /** Learns from a run; returns the kinds for which the alarm is put off from here on. */
  learn({ startedAtMs, endedAtMs, before, after }: Run): Kind[] {
    // A run that used up its time was at work; what it did not come to is due at once.
    if (endedAtMs - startedAtMs >= RUN_BUDGET_MS) return [];
    return kindsOf(before).filter((kind) => {
      const atMs = before[kind];
      if (atMs === null || atMs > startedAtMs || after[kind] !== atMs) {
        this.#seen.delete(kind);
        return false;
      }
      const seen = this.#seen.get(kind);
      const runs = seen?.atMs === atMs ? seen.runs + 1 : 1;
      const isStuck = runs >= MOST_RUNS;
      this.#seen.set(kind, { atMs, runs, untilMs: isStuck ? endedAtMs + PUT_OFF_MS : atMs });
      return isStuck;
    });
  }

  /** When the alarm has to fire for what is due. */
  putOff(due: DueTimes): DueTimes {
    const changed = { ...due };
    for (const [kind, { atMs, untilMs }] of this.#seen) if (due[kind] === atMs) changed[kind] = untilMs;
    return changed;
  }
}

function kindsOf(due: DueTimes): Kind[] {
  // An object's keys are those of its type here: `dueTimes` makes it with no other.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.keys(due) as Kind[];
}
