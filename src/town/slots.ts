/** Requests under way from one town: a Durable Object may have six waiting for headers, so its two kinds of work share them. */
const SLOTS = {
  /** Refreshes of many agents, which may take their time. */
  sweep: 4,
  /** Starts, messages and ends, which somebody waits for: a full sweep never blocks them. */
  delivery: 2,
} as const;
export type SlotPool = keyof typeof SLOTS;

interface Waiting {
  readonly pool: SlotPool;
  readonly container: number;
  readonly begin: () => void;
}

/**
 * Hands out slots in the order of asking, at most one of each pool per container: a container that hangs holds up itself and
 * one slot, and the others at most one timeout (T7). Lives in memory: after an eviction nothing is under way.
 */
export class Slots {
  readonly #free: Record<SlotPool, number> = { ...SLOTS };
  readonly #busy = new Set<string>();
  #waiting: Waiting[] = [];

  /** Runs `work` in a slot; its timeouts start in there, not in the queue. Passes on what `work` answers or throws. */
  async run<T>(pool: SlotPool, container: number, work: () => Promise<T>): Promise<T> {
    await new Promise<void>((begin) => {
      this.#waiting.push({ pool, container, begin });
      this.#fill();
    });
    try {
      return await work();
    } finally {
      this.#free[pool] += 1;
      this.#busy.delete(`${pool}:${container}`);
      this.#fill();
    }
  }

  #fill(): void {
    this.#waiting = this.#waiting.filter(({ pool, container, begin }) => {
      const key = `${pool}:${container}`;
      if (this.#free[pool] === 0 || this.#busy.has(key)) return true;
      this.#free[pool] -= 1;
      this.#busy.add(key);
      begin();
      return false;
    });
  }
}
