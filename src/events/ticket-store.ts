/** Table `tickets`: who may open a stream. A ticket opens one, soon; of its text only the SHA-256 is here. */

/** The right to open one stream, once. */
export interface Ticket {
  /** SHA-256 of the ticket, base64url. */
  readonly digest: string;
  readonly person: string;
  /** It opens nothing from here on. */
  readonly expiresAtMs: number;
  /** When the stream that it opens ends. */
  readonly endsAtMs: number;
}

type Row = { digest: string; person: string; expires_at_ms: number; ends_at_ms: number };

/** Tickets that were issued and not used yet. Synchronous. */
export class TicketStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /**
   * Adds one; false: `max` wait already. Those that were not used in time go first. One that waits already is not added again:
   * the platform may bring a call twice.
   */
  add(ticket: Ticket, max: number, nowMs: number): boolean {
    this.#sql.exec('DELETE FROM tickets WHERE expires_at_ms <= ?', nowMs);
    const known = this.find(ticket.digest, nowMs);
    if (known !== null) return known.person === ticket.person;
    if (this.#sql.exec<{ n: number }>('SELECT COUNT(*) AS n FROM tickets').one().n >= max) return false;
    this.#sql.exec(
      'INSERT INTO tickets (digest, person, expires_at_ms, ends_at_ms) VALUES (?, ?, ?, ?)',
      ticket.digest,
      ticket.person,
      ticket.expiresAtMs,
      ticket.endsAtMs,
    );
    return true;
  }

  /** The ticket with this digest, while it can be used. */
  find(digest: string, nowMs: number): Ticket | null {
    const row = this.#sql
      .exec<Row>('SELECT * FROM tickets WHERE digest = ? AND expires_at_ms > ?', digest, nowMs)
      .toArray()[0];
    if (row === undefined) return null;
    return { digest: row.digest, person: row.person, expiresAtMs: row.expires_at_ms, endsAtMs: row.ends_at_ms };
  }

  /** It was used. */
  remove(digest: string): void {
    this.#sql.exec('DELETE FROM tickets WHERE digest = ?', digest);
  }
}
