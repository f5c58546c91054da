import { backoffUntil } from './containers.ts';
import type { TownPorts } from '../ports.ts';
import type { SlotPool } from '../state/slots.ts';

/** Work that waits for a slot of its container. */
export interface SlotOrder<T> {
  readonly pool: SlotPool;
  readonly container: number;
  /**
   * A person, or a first try, may ask a container in backoff, unless another one that may has found while this one waited
   * that there is no answer. Repeats may not.
   */
  readonly mayAskInBackoff: boolean;
  readonly work: () => Promise<T>;
  /** In place of `work`, where the container is in backoff until then: stores when it is tried again. */
  readonly inBackoff: (untilMs: number) => T | Promise<T>;
}

/**
 * Runs work in a slot of its container, unless the container turns out not to answer before its turn comes: then all that waits for
 * it goes back to a stored due time, and not one timeout after another is spent on it (T7).
 */
export function inSlot<T>(p: TownPorts, order: SlotOrder<T>): Promise<T> {
  const { pool, container, mayAskInBackoff, work, inBackoff } = order;
  const unansweredBefore = p.slots.unanswered(pool, container);
  return p.slots.run(pool, container, async () => {
    const until = backoffUntil(p, container);
    const isVain = !mayAskInBackoff || p.slots.unanswered(pool, container) !== unansweredBefore;
    if (until !== null && isVain) return inBackoff(until);
    const done = await work();
    const untilNow = backoffUntil(p, container);
    if (mayAskInBackoff && untilNow !== null && untilNow !== until) p.slots.recordUnanswered(pool, container);
    return done;
  });
}
