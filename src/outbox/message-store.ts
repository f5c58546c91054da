/**
 * Table `messages`: the durable outbox. A message is a row before anything is sent (T12). Per agent it is first in, first out by
 * `seq`; a handed-over message is named by (message, attempt), and only the current attempt counts.
 */
import {
  MAX_DELIVERY_BYTES,
  MAX_MESSAGES_PER_DELIVERY,
  type AgentId,
  type MessageId,
  type TurnResult,
} from '#protocol';
import type { HandedOver, Message, MessageState } from './message.ts';

type Row = {
  id: MessageId;
  agent: AgentId;
  seq: number;
  state: MessageState;
  content: string;
  sender: string;
  attempt: number;
  tries: number;
  deliver_at_ms: number | null;
  created_at_ms: number;
  delivered_at_ms: number | null;
  finished_at_ms: number | null;
  reply: string | null;
  truncated: number;
  error: string | null;
};

const UNFINISHED = "state IN ('delivered', 'working')";

export class MessageStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Queues a message; the same id again changes nothing. `deliverAtMs` null: its agent takes none now. */
  accept(message: Pick<Message, 'id' | 'agent' | 'content' | 'sender' | 'createdAtMs' | 'deliverAtMs'>): void {
    this.#sql.exec(
      `INSERT INTO messages (id, agent, seq, state, content, sender, deliver_at_ms, created_at_ms)
       VALUES (?1, ?2, (SELECT COALESCE(MAX(seq), 0) + 1 FROM messages WHERE agent = ?2), 'queued', ?3, ?4, ?5, ?6)
       ON CONFLICT (id) DO NOTHING`,
      message.id,
      message.agent,
      message.content,
      message.sender,
      message.deliverAtMs,
      message.createdAtMs,
    );
  }

  get(id: string): Message | null {
    return this.#many('SELECT * FROM messages WHERE id = ?', id)[0] ?? null;
  }

  list(agent: AgentId, afterSeq: number, limit: number): Message[] {
    return this.#many(
      'SELECT * FROM messages WHERE agent = ? AND seq > ? ORDER BY seq LIMIT ?',
      agent,
      afterSeq,
      limit,
    );
  }

  /** The queued messages that share the next delivery: the oldest first, within the limits of one request. */
  nextBatch(agent: AgentId): Message[] {
    const queued = this.#many(
      "SELECT * FROM messages WHERE agent = ? AND state = 'queued' ORDER BY seq LIMIT ?",
      agent,
      MAX_MESSAGES_PER_DELIVERY,
    );
    let bytes = 0;
    return queued.filter((message, at) => {
      // JSON may write one UTF-16 unit as up to six bytes; measured as JSON, so that the control server's cap holds.
      bytes += new TextEncoder().encode(JSON.stringify(message.content)).length;
      return at === 0 || bytes <= MAX_DELIVERY_BYTES;
    });
  }

  /** Plans the repeat of a delivery before it is sent. */
  planDelivery(ids: readonly MessageId[], atMs: number, tries: number): void {
    for (const id of ids) {
      this.#sql.exec(
        "UPDATE messages SET deliver_at_ms = ?, tries = ? WHERE id = ? AND state = 'queued'",
        atMs,
        tries,
        id,
      );
    }
  }

  /** The agent's queue waits (null) or is due at a time. */
  planQueue(agent: AgentId, atMs: number | null): void {
    this.#sql.exec(
      "UPDATE messages SET deliver_at_ms = ?, tries = 0 WHERE agent = ? AND state = 'queued'",
      atMs,
      agent,
    );
  }

  /** The box holds this attempt. A repeat, or an answer to an older attempt, changes nothing. */
  delivered(id: MessageId, attempt: number, nowMs: number): boolean {
    const changed = this.#ids(
      `UPDATE messages SET state = 'delivered', delivered_at_ms = ?, deliver_at_ms = NULL
       WHERE id = ? AND attempt = ? AND state = 'queued' RETURNING id`,
      nowMs,
      id,
      attempt,
    );
    return changed.length > 0;
  }

  /** The turn began. Comes before the answer to the delivery when the agent is quick. */
  working(id: MessageId, attempt: number, nowMs: number): boolean {
    const changed = this.#ids(
      `UPDATE messages SET state = 'working', deliver_at_ms = NULL, delivered_at_ms = COALESCE(delivered_at_ms, ?)
       WHERE id = ? AND attempt = ? AND state IN ('queued', 'delivered') RETURNING id`,
      nowMs,
      id,
      attempt,
    );
    return changed.length > 0;
  }

  /** The turn ended. Counts only for the current attempt and once: the first final state stays. */
  finish(id: MessageId, attempt: number, result: TurnResult, nowMs: number): boolean {
    const changed = this.#ids(
      `UPDATE messages SET state = ?, finished_at_ms = ?, deliver_at_ms = NULL, reply = ?, truncated = ?, error = ?
       WHERE id = ? AND attempt = ? AND state IN ('queued', 'delivered', 'working') RETURNING id`,
      result.state,
      nowMs,
      result.state === 'done' ? result.reply : null,
      result.state === 'done' && result.truncated ? 1 : 0,
      result.state === 'failed' ? result.error : null,
      id,
      attempt,
    );
    return changed.length > 0;
  }

  /** What the box has of the agent's messages, as far as the town knows, in order. */
  handedOver(agent: AgentId): HandedOver[] {
    return this.#sql
      .exec<HandedOver>(`SELECT id, attempt, state FROM messages WHERE agent = ? AND ${UNFINISHED} ORDER BY seq`, agent)
      .toArray();
  }

  /** Queues it as a new attempt, unless it has changed meanwhile. */
  queueAgain({ id, attempt, state }: HandedOver): boolean {
    return this.#exists(
      `UPDATE messages SET state = 'queued', attempt = attempt + 1, tries = 0, delivered_at_ms = NULL
       WHERE id = ? AND attempt = ? AND state = ? RETURNING id`,
      id,
      attempt,
      state,
    );
  }

  /** Ends everything that is not final, with one reason. Answers the ids. */
  failAll(agent: AgentId, error: string, nowMs: number): MessageId[] {
    return this.#ids(
      `UPDATE messages SET state = 'failed', error = ?, finished_at_ms = ?, deliver_at_ms = NULL
       WHERE agent = ? AND (state = 'queued' OR ${UNFINISHED}) RETURNING id`,
      error,
      nowMs,
      agent,
    );
  }

  /** Whether the agent works: it has a delivered, unfinished message. */
  hasUnfinished(agent: AgentId): boolean {
    return this.#exists(`SELECT 1 FROM messages WHERE agent = ? AND ${UNFINISHED} LIMIT 1`, agent);
  }

  hasQueued(agent: AgentId): boolean {
    return this.#exists("SELECT 1 FROM messages WHERE agent = ? AND state = 'queued' LIMIT 1", agent);
  }

  /** Agents with a delivery that is due, the longest waiting first. */
  deliveriesDue(nowMs: number, limit: number): AgentId[] {
    return this.#sql
      .exec<{ agent: AgentId }>(
        `SELECT agent FROM messages WHERE state = 'queued' AND deliver_at_ms <= ?
         GROUP BY agent ORDER BY MIN(deliver_at_ms) LIMIT ?`,
        nowMs,
        limit,
      )
      .toArray()
      .map((row) => row.agent);
  }

  earliestDelivery(): number | null {
    return this.#sql
      .exec<{ at: number | null }>("SELECT MIN(deliver_at_ms) AS at FROM messages WHERE state = 'queued'")
      .one().at;
  }

  #ids(query: string, ...bindings: SqlStorageValue[]): MessageId[] {
    return this.#sql
      .exec<{ id: MessageId }>(query, ...bindings)
      .toArray()
      .map((row) => row.id);
  }

  #exists(query: string, ...bindings: SqlStorageValue[]): boolean {
    return this.#sql.exec(query, ...bindings).toArray().length > 0;
  }

  #many(query: string, ...bindings: SqlStorageValue[]): Message[] {
    return this.#sql
      .exec<Row>(query, ...bindings)
      .toArray()
      .map(toMessage);
  }
}

function toMessage(row: Row): Message {
  return {
    id: row.id,
    agent: row.agent,
    seq: row.seq,
    state: row.state,
    content: row.content,
    sender: row.sender,
    attempt: row.attempt,
    tries: row.tries,
    deliverAtMs: row.deliver_at_ms,
    createdAtMs: row.created_at_ms,
    deliveredAtMs: row.delivered_at_ms,
    finishedAtMs: row.finished_at_ms,
    reply: row.reply,
    truncated: row.truncated === 1,
    error: row.error,
  };
}
