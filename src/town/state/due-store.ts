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
  readonly #writes: () => number;
  #counted: { readonly writes: number; readonly written: number } | null = null;
  #known: { readonly written: number; readonly due: StoredDueTimes } | null = null;

  /** `writes`: statements so far that may have written; only where there are more of them is SQLite asked. */
  constructor(sql: Pick<SqlStorage, 'exec'>, writes: () => number) {
    this.#sql = sql;
    this.#writes = writes;
  }

  /** `compute` only reads. */
  read(compute: () => StoredDueTimes): StoredDueTimes {
    const written = this.written();
    if (this.#known?.written !== written) this.#known = { written, due: compute() };
    return this.#known.due;
  }

  /** Rows that this object has changed so far; it only grows. */
  written(): number {
    const writes = this.#writes();
    if (this.#counted?.writes !== writes) {
      this.#counted = { writes, written: this.#sql.exec<Counter>('SELECT total_changes() AS written').one().written };
    }
    return this.#counted.written;
  }

  /** A transaction rolled back: the count of what was written does not go back with it. */
  forget(): void {
    this.#known = null;
  }
}

/** The part of a database that statements go through. */
interface Sql {
  exec(query: string, ...bindings: never[]): unknown;
}

/** A database, and how many statements went through it that may have written. */
export interface CountedSql<S extends Sql> {
  readonly sql: S;
  readonly writes: () => number;
}

/** Counts every statement but those that only read: whatever writes cannot forget to say so, and asking costs no query. */
export function countWrites<S extends Sql>(sql: S): CountedSql<S> {
  let writes = 0;
  const counted: Sql = {
    exec: (query, ...bindings) => {
      if (!query.startsWith('SELECT')) writes += 1;
      return sql.exec(query, ...bindings);
    },
  };
  // Stores use nothing else of it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { sql: counted as S, writes: () => writes };
}
