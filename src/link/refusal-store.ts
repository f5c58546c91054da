/** Table `refusals`: how often in a row the control server refused the session that is stored, and what was done about it. */
import type { SessionId } from '#protocol';
import type { Refusals } from './renewal-rule.ts';

type Row = { session: SessionId; in_a_row: number; renewals: number; renewed_at_ms: number | null };

/** Refusals in a row of one container, and the sessions that were opened anew for them. */
export class RefusalStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Whether the last request that was judged was refused. */
  get isRefused(): boolean {
    return this.#sql.exec('SELECT 1 FROM refusals').toArray().length > 0;
  }

  /** One more 401 in this session; those of another session are not in its row. */
  count(session: SessionId): Refusals {
    const { renewals, renewed_at_ms, in_a_row } = this.#sql
      .exec<Row>(
        `INSERT INTO refusals (one, session, in_a_row, renewals, renewed_at_ms) VALUES (1, ?1, 1, 0, NULL)
         ON CONFLICT (one) DO UPDATE SET in_a_row = CASE WHEN session = ?1 THEN in_a_row + 1 ELSE 1 END, session = ?1
         RETURNING *`,
        session,
      )
      .one();
    return { inARow: in_a_row, renewals, renewedAtMs: renewed_at_ms };
  }

  /** Stored before another session is asked for, so that a crash does not make it be asked for at once again. */
  renewing(nowMs: number): void {
    this.#sql.exec('UPDATE refusals SET in_a_row = 0, renewals = renewals + 1, renewed_at_ms = ?', nowMs);
  }

  /** A request was accepted. */
  clear(): void {
    this.#sql.exec('DELETE FROM refusals');
  }
}
