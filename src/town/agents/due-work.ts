/**
 * Due work on one row after the other. A row that nothing can be done with, because it or what it refers to is broken, fails
 * alone: it is logged, recorded for the town's health, and its due time moves on, so that the alarm does not come back for
 * it at once for ever (F9).
 */
import { backoffMs } from '#lib/backoff.ts';
import { messageOf } from '#lib/result.ts';
import type { TownPorts } from '../ports.ts';

/** Broken rows do not mend themselves: tried again after a minute, doubling to an hour. */
const BROKEN_RETRY = { firstMs: 60_000, maxMs: 3_600_000 } as const;

/** Moves the due time of the work on, inside a transaction. */
export type Postpone = (atMs: number) => void;

/**
 * Does work on each of these, in one transaction; where that throws, in one transaction for each. Never throws for one of them.
 * @param run writes to storage and does nothing else, because it may run again after it was rolled back
 */
export function eachIsolated<T extends string>(
  p: TownPorts,
  work: string,
  subjects: readonly T[],
  run: (subject: T) => void,
  postpone: (subject: T, atMs: number) => void,
): void {
  if (subjects.length === 0) return;
  if (subjects.length > 1 && isDone(p, work, () => p.transaction(() => subjects.forEach(run)))) return;
  for (const subject of subjects) {
    try {
      p.transaction(() => run(subject));
    } catch (thrown) {
      recordWorkFailure(p, work, subject, thrown, (atMs) => postpone(subject, atMs));
    }
  }
}

/** Does work that takes time on one row. Never rejects. */
export async function oneIsolated(
  p: TownPorts,
  work: string,
  subject: string,
  run: () => Promise<void>,
  postpone: Postpone,
): Promise<void> {
  try {
    await run();
  } catch (thrown) {
    recordWorkFailure(p, work, subject, thrown, postpone);
  }
}

/** Work on this row threw: it shows in the town's health, and is tried again later. Never throws. */
export function recordWorkFailure(
  p: TownPorts,
  work: string,
  subject: string,
  thrown: unknown,
  postpone: Postpone,
): void {
  p.log.error('town.work_failed', { town: p.id, work, subject, error: messageOf(thrown) });
  isDone(p, work, () =>
    p.transaction(() => {
      const wait = (tries: number): number => backoffMs(BROKEN_RETRY, tries, p.random());
      postpone(p.failures.record(work, subject, p.clock.now(), wait));
    }),
  );
}

function isDone(p: TownPorts, work: string, run: () => void): boolean {
  try {
    run();
    return true;
  } catch (thrown) {
    p.log.warn('town.step_rolled_back', { town: p.id, work, error: messageOf(thrown) });
    return false;
  }
}
