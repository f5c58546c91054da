interface Flight {
  done: Promise<void>;
  again: boolean;
}

/**
 * Work that runs at most once at a time per key. A caller that asks while it runs joins it, and it runs once more afterwards,
 * so that what was stored too late for the running pass is seen by the next. In memory only: the stored due times cover a crash.
 */
export class Flights {
  readonly #running = new Map<string, Flight>();

  /** `work` never rejects: it records its own failures. */
  run(key: string, work: () => Promise<void>): Promise<void> {
    const running = this.#running.get(key);
    if (running !== undefined) {
      running.again = true;
      return running.done;
    }
    const flight: Flight = { done: Promise.resolve(), again: false };
    this.#running.set(key, flight);
    flight.done = this.#fly(key, flight, work);
    return flight.done;
  }

  async #fly(key: string, flight: Flight, work: () => Promise<void>): Promise<void> {
    try {
      do {
        flight.again = false;
        await work();
      } while (flight.again);
    } finally {
      this.#running.delete(key);
    }
  }
}
