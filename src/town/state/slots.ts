/** Requests under way from one town: a Durable Object may have six waiting for headers, so its two kinds of work share them. */
const SLOTS = {
  /** Refreshes of many agents, which may take their time. */
  sweep: 4,
  /** Starts, messages and ends, which a person waits for: a full sweep never blocks them. */
  delivery: 2,
} as const;
/** The two kinds of work that share the slots. */
export type SlotPool = keyof typeof SLOTS;

interface Waiting {
  readonly pool: SlotPool;
  readonly container: number;
  readonly begin: () => void;
}

/**
 * Hands out slots, at most one of each pool per container, round robin: of the containers that wait, the one whose last turn was
 * longest ago is next, and within a container the order is that of asking. So a container that hangs delays itself and one
 * slot, and the others at most one timeout, however much of its own work waits (T7). Lives in memory: after an eviction
 * nothing is under way.
 */
export class Slots {
  readonly #free: Record<SlotPool, number> = { ...SLOTS };
  readonly #busy = new Set<string>();
  /** The number of the last turn of each container that had one, by pool and container. */
  readonly #lastTurn = new Map<string, number>();
  #turns = 0;
  /** Per pool and container, how many of those that may ask in spite of a backoff were not answered. */
  readonly #unanswered = new Map<string, number>();
  #waiting: Waiting[] = [];

  /** Runs `work` in a slot; its timeouts start in there, not in the queue. Passes on what `work` returns or throws. */
  async run<T>(pool: SlotPool, container: number, work: () => Promise<T>): Promise<T> {
    await new Promise<void>((begin) => {
      this.#waiting.push({ pool, container, begin });
      this.#fill(pool);
    });
    try {
      return await work();
    } finally {
      this.#free[pool] += 1;
      this.#busy.delete(keyOf({ pool, container }));
      this.#fill(pool);
    }
  }

  /** Grows with each request, of those that may be sent in spite of a backoff, that was not answered. */
  unanswered(pool: SlotPool, container: number): number {
    return this.#unanswered.get(keyOf({ pool, container })) ?? 0;
  }

  recordUnanswered(pool: SlotPool, container: number): void {
    this.#unanswered.set(keyOf({ pool, container }), this.unanswered(pool, container) + 1);
  }

  #fill(pool: SlotPool): void {
    while (this.#free[pool] > 0) {
      const next = this.#next(pool);
      if (next === null) return;
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      this.#free[pool] -= 1;
      this.#turns += 1;
      this.#busy.add(keyOf(next));
      this.#lastTurn.set(keyOf(next), this.#turns);
      next.begin();
    }
  }

  /** Whose turn it is: the first who asked for the container whose last turn was longest ago. */
  #next(pool: SlotPool): Waiting | null {
    const lastTurn = (waiting: Waiting): number => this.#lastTurn.get(keyOf(waiting)) ?? 0;
    let next: Waiting | null = null;
    for (const waiting of this.#waiting) {
      if (waiting.pool !== pool || this.#busy.has(keyOf(waiting))) continue;
      if (next === null || lastTurn(waiting) < lastTurn(next)) next = waiting;
    }
    return next;
  }
}

const keyOf = ({ pool, container }: Pick<Waiting, 'pool' | 'container'>): string => `${pool}:${container}`;
