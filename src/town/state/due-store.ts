import type { DueTimes } from './alarm-plan.ts';

/** What is due by what stands in the tables. */
export type StoredDueTimes = Omit<DueTimes, 'socketEnd'>;

type Counter = { written: number };

/**
 * What the tables say is due, read again only where something was written since: a dozen queries at the end of each
 * transaction, and again at the end of each request, would be half of all that a town asks of its database. SQLite counts
 * the rows that its connection has changed, so nothing that writes can forget to say so.
 */
export class DueStore {
  readonly #sql: Pick<SqlStorage, 'exec'>;
  #known: { readonly written: number; readonly due: StoredDueTimes } | null = null;

  constructor(sql: Pick<SqlStorage, 'exec'>) {
    this.#sql = sql;
  }

  /** `compute` only reads. */
  read(compute: () => StoredDueTimes): StoredDueTimes {
    const written = this.written();
    if (this.#known?.written !== written) this.#known = { written, due: compute() };
    return this.#known.due;
  }

  /** Rows that this object has changed so far; it only grows. */
  written(): number {
    return this.#sql.exec<Counter>('SELECT total_changes() AS written').one().written;
  }

  /** A transaction rolled back: the count of what was written does not go back with it. */
  forget(): void {
    this.#known = null;
  }
}
