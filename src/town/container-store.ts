/** Table `containers`: what the town knows of each of its containers. */
import type { SessionId } from '#protocol';

export interface ContainerRecord {
  readonly index: number;
  /** The session that the town's agents were started in, or null before the first. */
  readonly session: SessionId | null;
  /** After a timeout nothing but a person's request goes there before this. */
  readonly heldUntilMs: number;
  readonly failures: number;
  /** After a restore of the database: when a new session is asked for again, or null. */
  readonly renewDueAtMs: number | null;
  readonly renewTries: number;
}

type Row = {
  idx: number;
  session: SessionId | null;
  held_until_ms: number;
  failures: number;
  renew_due_at_ms: number | null;
  renew_tries: number;
};

export class ContainerStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  get(index: number): ContainerRecord | null {
    return this.#many('SELECT * FROM containers WHERE idx = ?', index)[0] ?? null;
  }

  list(): ContainerRecord[] {
    return this.#many('SELECT * FROM containers ORDER BY idx');
  }

  ensure(index: number): void {
    this.#sql.exec('INSERT INTO containers (idx) VALUES (?) ON CONFLICT (idx) DO NOTHING', index);
  }

  /** Takes a session into use; it was heard, so nothing holds it back. */
  opened(index: number, session: SessionId): void {
    this.#sql.exec('UPDATE containers SET session = ?, held_until_ms = 0, failures = 0 WHERE idx = ?', session, index);
  }

  /** It answered. Writes only where there was a failure to forget. */
  heard(index: number): void {
    this.#sql.exec('UPDATE containers SET held_until_ms = 0, failures = 0 WHERE idx = ? AND failures > 0', index);
  }

  hold(index: number, untilMs: number): void {
    this.#sql.exec('UPDATE containers SET held_until_ms = ?, failures = failures + 1 WHERE idx = ?', untilMs, index);
  }

  /** When its new session is asked for again, after how many failures; null: it has one. */
  planRenewal(index: number, atMs: number | null, tries: number): void {
    this.#sql.exec('UPDATE containers SET renew_due_at_ms = ?, renew_tries = ? WHERE idx = ?', atMs, tries, index);
  }

  renewalsDue(nowMs: number): number[] {
    return this.#many('SELECT * FROM containers WHERE renew_due_at_ms <= ?', nowMs).map(({ index }) => index);
  }

  earliestRenewal(): number | null {
    return this.#sql.exec<{ at: number | null }>('SELECT MIN(renew_due_at_ms) AS at FROM containers').one().at;
  }

  #many(query: string, ...bindings: SqlStorageValue[]): ContainerRecord[] {
    return this.#sql
      .exec<Row>(query, ...bindings)
      .toArray()
      .map((row) => ({
        index: row.idx,
        session: row.session,
        heldUntilMs: row.held_until_ms,
        failures: row.failures,
        renewDueAtMs: row.renew_due_at_ms,
        renewTries: row.renew_tries,
      }));
  }
}
