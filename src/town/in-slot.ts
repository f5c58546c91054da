import { heldUntil } from './containers.ts';
import type { TownPorts } from './ports.ts';
import type { SlotPool } from './slots.ts';

/** Work that waits for a slot of its container. */
export interface SlotOrder<T> {
  readonly pool: SlotPool;
  readonly container: number;
  /**
   * A person, or a first try, may ask a container that is held back. Repeats may not. Neither does once another request, sent while
   * this one waited, has found that the container does not answer.
   */
  readonly mayAskHeld: boolean;
  readonly work: () => Promise<T>;
  /** In place of `work`, where the container is held back until then: stores when it is tried again. */
  readonly held: (untilMs: number) => T | Promise<T>;
}

/**
 * Runs work in a slot of its container, unless the container turns out not to answer before its turn comes: then all that waits for
 * it goes back to a stored due time, and not one timeout after another is spent on it (T7).
 */
export function inSlot<T>(p: TownPorts, order: SlotOrder<T>): Promise<T> {
  const { pool, container, mayAskHeld, work, held } = order;
  const heldBefore = heldUntil(p, container);
  return p.slots.run(pool, container, async () => {
    const until = heldUntil(p, container);
    if (until === null || (mayAskHeld && until === heldBefore)) return work();
    return held(until);
  });
}
