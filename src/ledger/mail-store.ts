/** Table `mail`: what agents of a town write to each other. Synchronous; a read and its write hold no await between them. */
import { MAX_MAIL_PAGE_BYTES, jsonBytes, type AgentId, type MailId } from '#protocol';
import { oldestFirst } from './oldest-first.ts';

/** One mail from agent to agent. */
export interface Mail {
  /** Order in the town, from 1. */
  readonly seq: number;
  readonly id: MailId;
  readonly from: AgentId;
  readonly to: AgentId;
  readonly text: string;
  /** Bytes of the text as JSON. */
  readonly bytes: number;
  readonly sentAtMs: number;
  readonly readAtMs: number | null;
}

type Row = {
  seq: number;
  id: MailId;
  from_agent: AgentId;
  to_agent: AgentId;
  text: string;
  bytes: number;
  sent_at_ms: number;
  read_at_ms: number | null;
};

/** Unread mail is kept this long (ms), and then until the next mail in the town. */
export const MAIL_LIFE_MS = 30 * 24 * 3_600_000;
/** Mail that was read is of no more use, and goes after this (ms): no sooner than it counts for its sender's quota of a minute. */
export const READ_MAIL_LIFE_MS = 600_000;
/** Rows that one step forgets at most: more than come in one. */
const PRUNE_STEP = 100;

/** The inboxes of all agents of the town. */
export class MailStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Puts a mail into its reader's inbox; the same id again changes nothing. Expired mail of any agent is removed first. */
  add(mail: Pick<Mail, 'id' | 'from' | 'to' | 'text' | 'sentAtMs'>): void {
    this.#sql.exec(
      `INSERT INTO mail (id, from_agent, to_agent, text, bytes, sent_at_ms) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO NOTHING`,
      mail.id,
      mail.from,
      mail.to,
      mail.text,
      jsonBytes(mail.text),
      mail.sentAtMs,
    );
    for (const [column, beforeMs] of [
      ['sent_at_ms', mail.sentAtMs - MAIL_LIFE_MS],
      ['read_at_ms', mail.sentAtMs - READ_MAIL_LIFE_MS],
    ] as const) {
      this.#sql.exec(
        `DELETE FROM mail WHERE seq IN (SELECT seq FROM mail WHERE ${column} < ? LIMIT ?)`,
        beforeMs,
        PRUNE_STEP,
      );
    }
  }

  get(id: MailId): Mail | null {
    return this.#many('SELECT * FROM mail WHERE id = ?', id)[0] ?? null;
  }

  /** Unread mail of this agent, the oldest first: at most `limit`, and as much text as a page holds, but at least one. */
  unread(to: AgentId, limit: number): Mail[] {
    const waiting = 'SELECT * FROM mail WHERE to_agent = ? AND read_at_ms IS NULL ORDER BY seq LIMIT ?';
    const page: Mail[] = [];
    let bytes = 0;
    // Row by row: what does not fit is not read.
    for (const row of this.#sql.exec<Row>(waiting, to, limit)) {
      bytes += row.bytes;
      if (page.length > 0 && bytes > MAX_MAIL_PAGE_BYTES) break;
      page.push(toMail(row));
    }
    return page;
  }

  /** This agent has read its mail up to and with this `seq`. */
  read(to: AgentId, seq: number, nowMs: number): void {
    this.#sql.exec(
      'UPDATE mail SET read_at_ms = ? WHERE to_agent = ? AND read_at_ms IS NULL AND seq <= ?',
      nowMs,
      to,
      seq,
    );
  }

  /** Forgets of those that were read before a time the oldest, until so many bytes are free, and at most `limit`. */
  pruneRead(bytes: number, beforeMs: number, limit: number): void {
    const oldest = 'SELECT seq, bytes FROM mail WHERE read_at_ms < ? ORDER BY read_at_ms LIMIT ?';
    const rows = this.#sql.exec<{ seq: number; bytes: number }>(oldest, beforeMs, limit);
    for (const { seq } of oldestFirst(rows, bytes)) this.#sql.exec('DELETE FROM mail WHERE seq = ?', seq);
  }

  /** What waits in this agent's inbox. */
  waiting(to: AgentId): { readonly count: number; readonly bytes: number } {
    return this.#sql
      .exec<{ count: number; bytes: number }>(
        'SELECT COUNT(*) AS count, COALESCE(SUM(bytes), 0) AS bytes FROM mail WHERE to_agent = ? AND read_at_ms IS NULL',
        to,
      )
      .one();
  }

  /** How many this agent wrote since then. */
  countSince(from: AgentId, sinceMs: number): number {
    return this.#sql
      .exec<{ n: number }>('SELECT COUNT(*) AS n FROM mail WHERE from_agent = ? AND sent_at_ms > ?', from, sinceMs)
      .one().n;
  }

  #many(query: string, ...bindings: SqlStorageValue[]): Mail[] {
    return this.#sql
      .exec<Row>(query, ...bindings)
      .toArray()
      .map(toMail);
  }
}

function toMail(row: Row): Mail {
  return {
    seq: row.seq,
    id: row.id,
    from: row.from_agent,
    to: row.to_agent,
    text: row.text,
    bytes: row.bytes,
    sentAtMs: row.sent_at_ms,
    readAtMs: row.read_at_ms,
  };
}
