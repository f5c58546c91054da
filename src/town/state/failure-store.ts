/**
 * Table `failures`: due work that threw, and when it is tried again. What is not recorded again by then has succeeded, and
 * counts no more.
 */

/** Due work, by its kind and by whom it concerns: an agent, or a container by its index. */
export interface FailedWork {
  readonly work: string;
  readonly subject: string;
  readonly sinceMs: number;
  /** How often in a row. */
  readonly tries: number;
  readonly nextAtMs: number;
}

/** A try may come this much later than planned (ms): the alarm has other work, and a run lasts. */
const LATE_MS = 120_000;

type Row = { work: string; subject: string; since_ms: number; tries: number; next_at_ms: number };

/** Failures in a row, by kind of work and subject. */
export class FailureStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Records one more failure, after which the next try comes as late as `waitMs` says for so many; returns when. */
  record(work: string, subject: string, nowMs: number, waitMs: (tries: number) => number): number {
    this.#sql.exec('DELETE FROM failures WHERE next_at_ms < ?', nowMs - LATE_MS);
    const [known] = this.#many('SELECT * FROM failures WHERE work = ? AND subject = ?', work, subject);
    const tries = (known?.tries ?? 0) + 1;
    const nextAtMs = nowMs + waitMs(tries);
    this.#sql.exec(
      `INSERT INTO failures (work, subject, since_ms, tries, next_at_ms) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (work, subject) DO UPDATE SET tries = excluded.tries, next_at_ms = excluded.next_at_ms`,
      work,
      subject,
      known?.sinceMs ?? nowMs,
      tries,
      nextAtMs,
    );
    return nextAtMs;
  }

  /** What fails now, the longest first. */
  current(nowMs: number, limit: number): FailedWork[] {
    return this.#many(
      'SELECT * FROM failures WHERE next_at_ms >= ? ORDER BY since_ms, work, subject LIMIT ?',
      nowMs - LATE_MS,
      limit,
    );
  }

  #many(query: string, ...bindings: SqlStorageValue[]): FailedWork[] {
    return this.#sql
      .exec<Row>(query, ...bindings)
      .toArray()
      .map((row) => ({
        work: row.work,
        subject: row.subject,
        sinceMs: row.since_ms,
        tries: row.tries,
        nextAtMs: row.next_at_ms,
      }));
  }
}
