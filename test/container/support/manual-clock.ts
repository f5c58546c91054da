import type { Cancel, Clock } from '../../../container/lib/clock.ts';

interface Timer {
  readonly dueAtMs: number;
  readonly run: () => void;
}

/** A clock whose hands the test turns. Timers run in the order in which they are due, each at its own time. */
export class ManualClock implements Clock {
  /** How far the machine's idea of the time of day is off. */
  wallErrorMs = 0;
  /** The real time of day at which this clock starts, in ms since the epoch: the town's. */
  static readonly START_MS = Date.UTC(2027, 0, 1, 12);
  #elapsedMs = 0;
  readonly #timers = new Set<Timer>();

  /** The town's time. */
  nowMs(): number {
    return ManualClock.START_MS + this.#elapsedMs;
  }

  wallMs(): number {
    return this.nowMs() + this.wallErrorMs;
  }

  /** Starts at an odd number: it cannot be taken for the time of day. */
  monoMs(): number {
    return 12_345.5 + this.#elapsedMs;
  }

  after(ms: number, run: () => void): Cancel {
    const timer = { dueAtMs: this.#elapsedMs + ms, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Timers that are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /** How long (ms) until the next timer is due. */
  nextInMs(): number {
    return (this.#next(Infinity)?.dueAtMs ?? this.#elapsedMs) - this.#elapsedMs;
  }

  /** Turns the hands by `ms`, running what falls due on the way and letting everything settle in between. */
  async advance(ms: number): Promise<void> {
    await settle();
    const endMs = this.#elapsedMs + ms;
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#timers.delete(next);
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueAtMs);
      next.run();
      await settle();
    }
    this.#elapsedMs = endMs;
  }

  #next(endMs: number): Timer | undefined {
    return [...this.#timers]
      .filter(({ dueAtMs }) => dueAtMs <= endMs)
      .toSorted((one, other) => one.dueAtMs - other.dueAtMs)[0];
  }
}

/** Lets promises and the fake town's answers run to where they wait for the clock. No time passes. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
