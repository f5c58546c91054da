/** One thing at a time per key, in the order of asking; keys do not wait for each other. */
export class KeyedQueue<K> {
  readonly #tails = new Map<K, Promise<unknown>>();

  /** Keys with work under way or waiting; nothing else is kept. */
  get size(): number {
    return this.#tails.size;
  }

  run<T>(key: K, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#tails.set(key, mine);
    const leave = (): void => {
      if (this.#tails.get(key) === mine) this.#tails.delete(key);
    };
    void mine.then(leave, leave);
    return mine;
  }
}
