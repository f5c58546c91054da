/**
 * Rows of one table as this object has read them. An object alone writes its database, so what it has read stays true until it
 * writes: its store forgets a row with each write to it, and all of them where a transaction was rolled back. Bounded.
 */
export class KeptRows<K, Row> {
  readonly #most: number;
  readonly #rows = new Map<K, Row>();

  /** `most`: rows that are kept; with one more, all are let go. */
  constructor(most: number) {
    this.#most = most;
  }

  /** The row as it is kept, or as `read` has it now. Where that throws, or there is none (null), nothing is kept. */
  get<R extends Row | null>(key: K, read: () => R): Row | R {
    const kept = this.#rows.get(key);
    if (kept !== undefined) return kept;
    const row = read();
    if (row !== null) this.keep(key, row);
    return row;
  }

  /** It was read otherwise, after the last write to it. */
  keep(key: K, row: Row): void {
    if (this.#rows.size >= this.#most) this.#rows.clear();
    this.#rows.set(key, row);
  }

  /** The row is written to, or may be. */
  forget(key: K): void {
    this.#rows.delete(key);
  }

  /** What was written since it was read may have been rolled back, or gone with its table. */
  forgetAll(): void {
    this.#rows.clear();
  }
}
