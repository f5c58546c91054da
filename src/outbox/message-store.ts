/**
 * Table `messages`: the durable outbox. A message is a row before anything is sent (T12). Per agent it is first in, first out by
 * `seq`; a handed-over message is named by (message, attempt), and only the current attempt counts.
 */
import {
  MAX_DELIVERY_BYTES,
  MAX_MESSAGES_PER_DELIVERY,
  SYSTEM_SENDER,
  jsonBytes,
  type AgentId,
  type MessageId,
  type PageOrder,
  type TurnResult,
} from '#protocol';
import { firstAgents } from './first-agents.ts';
import { toMessage, type MessageRow } from './message-row.ts';
import type { HandedOver, Message, OpenTurn, QueuedMessage } from './message.ts';

/** Not over: with `agent` and in the order of `seq`, the index `messages_open` has these and no others. */
const OPEN = 'finished_at_ms IS NULL';
const QUEUED = `${OPEN} AND state = 'queued'`;
const UNFINISHED = `${OPEN} AND state IN ('delivered', 'working')`;

/** Messages in all their states. Synchronous; a read and its write have no await between them. */
export class MessageStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Queues a message. `deliverAtMs` null: its agent takes none now. */
  accept(message: QueuedMessage): void {
    const { id, agent, seq, content, sender, idempotencyKey, bytes, deliverAtMs, createdAtMs, traceparent } = message;
    const add = `INSERT INTO messages (id, agent, seq, state, content, sender, idempotency_key, bytes, deliver_at_ms, created_at_ms, traceparent)
      VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?)`;
    this.#sql.exec(add, id, agent, seq, content, sender, idempotencyKey, bytes, deliverAtMs, createdAtMs, traceparent);
  }

  get(id: string): Message | null {
    return this.#many('SELECT * FROM messages WHERE id = ?', id)[0] ?? null;
  }

  /** Whose turn an unfinished message is. Its texts are not read: this is asked for each piece of a reply. */
  turnOf(id: string): OpenTurn | null {
    const open = 'SELECT agent, attempt, state FROM messages WHERE id = ? AND finished_at_ms IS NULL';
    return this.#sql.exec<OpenTurn>(open, id).toArray()[0] ?? null;
  }

  byKey(sender: string, key: string): Message | null {
    return this.#many('SELECT * FROM messages WHERE sender = ? AND idempotency_key = ?', sender, key)[0] ?? null;
  }

  /** What comes after `seq` in this order. A row is read when it is asked for: two texts of 256 KiB each may be in one. */
  *list(agent: AgentId, order: PageOrder, seq: number, limit: number): Generator<Message> {
    const after = order === 'oldest' ? 'seq > ? ORDER BY seq' : 'seq < ? ORDER BY seq DESC';
    const query = `SELECT * FROM messages WHERE agent = ? AND ${after} LIMIT ?`;
    for (const row of this.#sql.exec<MessageRow>(query, agent, seq, limit)) yield toMessage(row);
  }

  /** The agent's last turns with people that were done, the oldest first: at most `count`, and of each text so many units. */
  lastTurns(agent: AgentId, count: number, units: number): { content: string; reply: string }[] {
    const query = `SELECT substr(content, 1, ?1) AS content, substr(reply, 1, ?1) AS reply FROM messages
      WHERE agent = ?2 AND state = 'done' AND sender <> ?3 ORDER BY seq DESC LIMIT ?4`;
    const turns = this.#sql.exec<{ content: string; reply: string }>(query, units, agent, SYSTEM_SENDER, count);
    return turns.toArray().toReversed();
  }

  /** The queued messages that share the next delivery: the oldest first, at most so many, within the limits of one request. */
  nextBatch(agent: AgentId, atMost: number): Message[] {
    const queued = this.#many(
      `SELECT * FROM messages WHERE agent = ? AND ${QUEUED} ORDER BY seq LIMIT ?`,
      agent,
      Math.min(atMost, MAX_MESSAGES_PER_DELIVERY),
    );
    let bytes = 0;
    return queued.filter((message, at) => {
      bytes += message.bytes;
      return at === 0 || bytes <= MAX_DELIVERY_BYTES;
    });
  }

  /** They are about to be sent: from here on the control server may hold them. */
  sending(ids: readonly MessageId[]): void {
    for (const id of ids) {
      this.#sql.exec("UPDATE messages SET tries = tries + 1 WHERE id = ? AND state = 'queued'", id);
    }
  }

  /** The agent's queue waits (null) or is due at a time. Writes only what that changes. */
  planQueue(agent: AgentId, atMs: number | null): void {
    const changes = `${QUEUED} AND deliver_at_ms IS NOT ?1`;
    this.#sql.exec(`UPDATE messages SET deliver_at_ms = ?1 WHERE agent = ?2 AND ${changes}`, atMs, agent);
  }

  /**
   * Whatever the agent's queue was sent to is gone: the next try is the first. What had come to its end there, and is queued to fetch
   * its result, runs again, so it is a new attempt.
   */
  forgetSent(agent: AgentId): void {
    this.#sql.exec(
      `UPDATE messages SET tries = 0, attempt = attempt + (delivered_at_ms IS NOT NULL), delivered_at_ms = NULL
       WHERE agent = ? AND ${QUEUED} AND (tries > 0 OR delivered_at_ms IS NOT NULL)`,
      agent,
    );
  }

  /** The control server holds this attempt. A repeat, or an answer to an older attempt, changes nothing. */
  delivered(id: MessageId, attempt: number, nowMs: number): boolean {
    const deliver = `UPDATE messages SET state = 'delivered', delivered_at_ms = COALESCE(delivered_at_ms, ?), deliver_at_ms = NULL
       WHERE id = ? AND attempt = ? AND state = 'queued' RETURNING id`;
    return this.#exists(deliver, nowMs, id, attempt);
  }

  /** The turn began. Comes before the answer to the delivery when the agent is quick. */
  working(id: MessageId, attempt: number, nowMs: number): boolean {
    const work = `UPDATE messages SET state = 'working', deliver_at_ms = NULL, delivered_at_ms = COALESCE(delivered_at_ms, ?)
       WHERE id = ? AND attempt = ? AND state IN ('queued', 'delivered') RETURNING id`;
    return this.#exists(work, nowMs, id, attempt);
  }

  /**
   * It ended; `deliveredAtMs`: handed over then at the latest, null: perhaps never. Counts only for the current attempt and once: the
   * first final state stays.
   */
  finish(id: MessageId, attempt: number, result: TurnResult, nowMs: number, deliveredAtMs: number | null): boolean {
    return this.#exists(
      `UPDATE messages SET state = ?, finished_at_ms = ?, deliver_at_ms = NULL, reply = ?, truncated = ?, error = ?,
       kept_bytes = bytes + ?, delivered_at_ms = COALESCE(delivered_at_ms, ?) WHERE id = ? AND attempt = ? AND state IN ('queued', 'delivered', 'working') RETURNING id`,
      result.state,
      nowMs,
      result.state === 'done' ? result.reply : null,
      result.state === 'done' && result.truncated ? 1 : 0,
      result.state === 'failed' ? result.error : null,
      jsonBytes(result.state === 'done' ? result.reply : result.error),
      deliveredAtMs,
      id,
      attempt,
    );
  }

  /** What the control server has of the agent's messages, as far as the town knows, in order. */
  handedOver(agent: AgentId): HandedOver[] {
    return this.#sql
      .exec<HandedOver>(
        `SELECT id, seq, attempt, works AS crashedTurns, state FROM messages WHERE agent = ? AND ${UNFINISHED} ORDER BY seq`,
        agent,
      )
      .toArray();
  }

  /** The agent's first message that is not over, wherever it is; null: all are over. */
  firstOpen(agent: AgentId): MessageId | null {
    const first = `SELECT id FROM messages WHERE agent = ? AND ${OPEN} ORDER BY seq LIMIT 1`;
    return this.#sql.exec<{ id: MessageId }>(first, agent).toArray()[0]?.id ?? null;
  }

  /**
   * Queues it, as a new attempt or as the same one, unless it has changed meanwhile. A turn is lost with a new one only; the same one
   * was handed over all the same, and stays so.
   */
  queueAgain({ id, attempt, state }: HandedOver, as: 'new attempt' | 'same attempt'): boolean {
    const queue = `UPDATE messages SET state = 'queued', attempt = attempt + ?1, works = works + ?1 * (state = 'working'), tries = 0,
       delivered_at_ms = IIF(?1, NULL, delivered_at_ms) WHERE id = ?2 AND attempt = ?3 AND state = ?4 RETURNING id`;
    return this.#exists(queue, as === 'new attempt' ? 1 : 0, id, attempt, state);
  }

  /** Ends a message that was not taken by a control server yet. One that is handed over, whose result is fetched, or final, stays as it is. */
  cancel(id: MessageId, nowMs: number): boolean {
    const cancel = `UPDATE messages SET state = 'cancelled', finished_at_ms = ?, deliver_at_ms = NULL, kept_bytes = bytes
       WHERE id = ? AND state = 'queued' AND delivered_at_ms IS NULL RETURNING id`;
    return this.#exists(cancel, nowMs, id);
  }

  /** Ends everything that is not final, with one reason. Returns the ids. */
  failAll(agent: AgentId, error: string, nowMs: number): MessageId[] {
    const fail = `UPDATE messages SET state = 'failed', error = ?, finished_at_ms = ?, deliver_at_ms = NULL, kept_bytes = bytes
       WHERE agent = ? AND ${OPEN} RETURNING id`;
    const failed = this.#sql.exec<{ id: MessageId }>(fail, error, nowMs, agent).toArray();
    return failed.map(({ id }) => id);
  }

  /** Whether the agent works: it has a delivered, unfinished message. */
  hasUnfinished(agent: AgentId): boolean {
    return this.#exists(`SELECT 1 FROM messages WHERE agent = ? AND ${UNFINISHED} LIMIT 1`, agent);
  }

  hasQueued(agent: AgentId): boolean {
    return this.#exists(`SELECT 1 FROM messages WHERE agent = ? AND ${QUEUED} LIMIT 1`, agent);
  }

  /** Of each agent with queued messages: how many there are, and when the oldest was accepted. */
  queued(): { agent: AgentId; count: number; sinceMs: number }[] {
    const query = `SELECT agent, COUNT(*) AS count, MIN(created_at_ms) AS sinceMs FROM messages WHERE ${QUEUED} GROUP BY agent`;
    return this.#sql.exec<{ agent: AgentId; count: number; sinceMs: number }>(query).toArray();
  }

  /** Agents with a delivery that is due, the longest waiting first. */
  deliveriesDue(nowMs: number, limit: number): AgentId[] {
    const due = `SELECT agent FROM messages WHERE state = 'queued' AND deliver_at_ms <= ? ORDER BY deliver_at_ms`;
    return firstAgents(this.#sql.exec<{ agent: AgentId }>(due, nowMs), limit);
  }

  /** Forgets at most `limit` messages that were over before a time. */
  pruneBefore(atMs: number, limit: number): void {
    const oldest = 'SELECT id FROM messages WHERE finished_at_ms < ? ORDER BY finished_at_ms LIMIT ?';
    this.#sql.exec(`DELETE FROM messages WHERE id IN (${oldest})`, atMs, limit);
  }

  /** Forgets the oldest finished messages of an agent. */
  pruneOldest(agent: AgentId, count: number): void {
    const oldest = 'SELECT id FROM messages WHERE agent = ? AND finished_at_ms IS NOT NULL ORDER BY seq LIMIT ?';
    this.#sql.exec(`DELETE FROM messages WHERE id IN (${oldest})`, agent, count);
  }

  /** Forgets of those that were over before a time the oldest, until so many bytes are free, and at most `limit`. */
  pruneBytes(bytes: number, beforeMs: number, limit: number): void {
    const oldest = 'SELECT id, kept_bytes FROM messages WHERE finished_at_ms < ? ORDER BY finished_at_ms LIMIT ?';
    const gone: MessageId[] = [];
    let left = bytes;
    for (const row of this.#sql.exec<{ id: MessageId; kept_bytes: number }>(oldest, beforeMs, limit)) {
      if (left <= 0) break;
      gone.push(row.id);
      left -= row.kept_bytes;
    }
    for (const id of gone) this.#sql.exec('DELETE FROM messages WHERE id = ?', id);
  }

  earliestDelivery(): number | null {
    const query = "SELECT MIN(deliver_at_ms) AS at FROM messages WHERE state = 'queued' AND deliver_at_ms IS NOT NULL";
    return this.#sql.exec<{ at: number | null }>(query).one().at;
  }

  #exists(query: string, ...bindings: SqlStorageValue[]): boolean {
    return this.#sql.exec(query, ...bindings).toArray().length > 0;
  }

  #many(query: string, ...bindings: SqlStorageValue[]): Message[] {
    return this.#sql
      .exec<MessageRow>(query, ...bindings)
      .toArray()
      .map(toMessage);
  }
}
