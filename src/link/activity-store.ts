/** Table `activity`: since when a container of the platform runs, when it was last used, and since when it is being ended. */

/** Times in ms. */
export interface Activity {
  readonly startedAtMs: number;
  readonly usedAtMs: number;
  /** Null: it is not being ended. */
  readonly endingAtMs: number | null;
}

type Row = { started_at_ms: number; used_at_ms: number; ending_at_ms: number | null };

/** At most one run. */
export class ActivityStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Null: no run is known. */
  get(): Activity | null {
    const row = this.#sql.exec<Row>('SELECT * FROM activity').toArray()[0];
    if (row === undefined) return null;
    return { startedAtMs: row.started_at_ms, usedAtMs: row.used_at_ms, endingAtMs: row.ending_at_ms };
  }

  started(nowMs: number): void {
    this.#sql.exec(
      'INSERT OR REPLACE INTO activity (one, started_at_ms, used_at_ms, ending_at_ms) VALUES (1, ?1, ?1, NULL)',
      nowMs,
    );
  }

  used(nowMs: number): void {
    this.#sql.exec('UPDATE activity SET used_at_ms = ?', nowMs);
  }

  ending(nowMs: number): void {
    this.#sql.exec('UPDATE activity SET ending_at_ms = ?', nowMs);
  }

  /** It does not run any more. */
  over(): void {
    this.#sql.exec('DELETE FROM activity');
  }
}
