import type { WebhookId } from '#protocol';

/** Requests under way from one town: a Durable Object may have six waiting for headers, so its kinds of work share them. */
const SLOTS = {
  /** Refreshes of many agents, which may take their time. */
  sweep: 4,
  /** Starts, messages and ends, which a person waits for: a full sweep never blocks them. */
  delivery: 2,
  /**
   * Posts to webhooks, whose receivers are of others. The town sends these itself; what the other two wait for is sent by the object of the
   * container, which has six of its own.
   */
  webhook: 4,
} as const;
/** The kinds of work that have slots. */
export type SlotPool = keyof typeof SLOTS;

/** Who is asked: a container, by its index, or the receiver of a webhook, by its id. */
type Peer = number | WebhookId;

interface Waiting {
  readonly pool: SlotPool;
  readonly peer: Peer;
  readonly begin: () => void;
}

/**
 * Hands out slots, at most one of each pool per container or webhook, round robin: of those that wait, the one whose last turn was
 * longest ago is next, and within one the order is that of asking. So a container that hangs delays itself and one
 * slot, and the others at most one timeout, however much of its own work waits (T7). Lives in memory: after an eviction
 * nothing is under way.
 */
export class Slots {
  readonly #free: Record<SlotPool, number> = { ...SLOTS };
  readonly #busy = new Set<string>();
  /** The number of the last turn of each that had one, by pool and peer. */
  readonly #lastTurn = new Map<string, number>();
  #turns = 0;
  /** Per pool and peer, how many of those that may ask in spite of a backoff were not answered. */
  readonly #unanswered = new Map<string, number>();
  #waiting: Waiting[] = [];

  /** Runs `work` in a slot; its timeouts start in there, not in the queue. Passes on what `work` returns or throws. */
  async run<T>(pool: SlotPool, peer: Peer, work: () => Promise<T>): Promise<T> {
    await new Promise<void>((begin) => {
      this.#waiting.push({ pool, peer, begin });
      this.#fill(pool);
    });
    try {
      return await work();
    } finally {
      this.#free[pool] += 1;
      this.#busy.delete(keyOf({ pool, peer }));
      this.#fill(pool);
    }
  }

  /** Grows with each request, of those that may be sent in spite of a backoff, that was not answered. */
  unanswered(pool: SlotPool, peer: Peer): number {
    return this.#unanswered.get(keyOf({ pool, peer })) ?? 0;
  }

  recordUnanswered(pool: SlotPool, peer: Peer): void {
    this.#unanswered.set(keyOf({ pool, peer }), this.unanswered(pool, peer) + 1);
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

  /** Whose turn it is: the first who asked for the peer whose last turn was longest ago. */
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

const keyOf = ({ pool, peer }: Pick<Waiting, 'pool' | 'peer'>): string => `${pool}:${peer}`;
