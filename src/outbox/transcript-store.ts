import type { MessageId } from '#protocol';
import type { Transcript } from './transcript.ts';

/** As long as finished messages are kept (ms): after that there is nothing to answer with. */
const KEPT_MS = 30 * 24 * 3_600_000;
/** Forgotten in one step: bounded work, and it catches up. */
const PRUNED_AT_ONCE = 100;

type Row = { message: MessageId; answered_at_ms: number | null };

/** Table `transcripts`: of each that a chat frontend sent, which message it became last, and whether its answer arrived. Synchronous. */
export class TranscriptStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** What this sender's transcript became last; null: it was never sent, or is forgotten. */
  get(sender: string, digest: string): Transcript | null {
    const query = 'SELECT message, answered_at_ms FROM transcripts WHERE sender = ? AND digest = ?';
    const row = this.#sql.exec<Row>(query, sender, digest).toArray()[0];
    return row === undefined ? null : { message: row.message, answeredAtMs: row.answered_at_ms };
  }

  /** It became this message. Those that are too old go. */
  add(sender: string, digest: string, message: MessageId, nowMs: number): void {
    const oldest = 'SELECT rowid FROM transcripts WHERE at_ms < ? ORDER BY at_ms LIMIT ?';
    this.#sql.exec(`DELETE FROM transcripts WHERE rowid IN (${oldest})`, nowMs - KEPT_MS, PRUNED_AT_ONCE);
    const insert = 'INSERT OR REPLACE INTO transcripts (sender, digest, message, at_ms) VALUES (?, ?, ?, ?)';
    this.#sql.exec(insert, sender, digest, message, nowMs);
  }

  /** The whole answer was taken. Of a message that it is no longer, nothing changes. */
  answered(sender: string, digest: string, message: MessageId, nowMs: number): void {
    const update = 'UPDATE transcripts SET answered_at_ms = ? WHERE sender = ? AND digest = ? AND message = ?';
    this.#sql.exec(update, nowMs, sender, digest, message);
  }
}
