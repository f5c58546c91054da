/**
 * Table `queues`: per agent, and for the whole town, what its messages come to. Triggers on `messages` keep it, so no way of
 * writing a message can forget it, and whether one more may wait is known without reading those that do. Per agent also how its
 * deliveries fare: a failure concerns the whole queue, also what did not fit into the request that failed.
 */
import { MAX_MESSAGES_PER_DELIVERY, type AgentId, type MessageId } from '#protocol';

/** The size of one agent's queue, or of all queues of the town together. */
export interface QueueSize {
  /** The highest `seq` ever given; it only grows, also when messages are pruned. */
  readonly lastSeq: number;
  /** Messages that no turn has begun with: queued, or handed over and waiting in the container. */
  readonly waiting: number;
  /** Bytes of JSON text of these. */
  readonly bytes: number;
  /** Messages in a final state that are still kept. */
  readonly finished: number;
  /** Bytes of JSON text of these, with their results; counted for the whole town alone. */
  readonly keptBytes: number;
}

/** How the deliveries of one agent's queue fare. */
export interface QueueRetry {
  /** Deliveries that failed in a row. */
  readonly tries: number;
  /** Nothing of the queue is sent before this; null: nothing failed. */
  readonly retryAtMs: number | null;
  /** The most messages that the next delivery holds. */
  readonly atMost: number;
}

type RetryRow = { tries: number; retry_at_ms: number | null; at_most: number | null };
type Row = { last_seq: number; waiting: number; bytes: number; finished: number; kept_bytes: number };

/** The row of the whole town. */
const TOWN = '';

/** Read by the limits on messages; written by triggers, but for the retries. */
export class QueueStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  ofAgent(agent: AgentId): QueueSize {
    return this.#read(agent);
  }

  ofTown(): QueueSize {
    return this.#read(TOWN);
  }

  retryOf(agent: AgentId): QueueRetry {
    const row = this.#sql
      .exec<RetryRow>('SELECT tries, retry_at_ms, at_most FROM queues WHERE agent = ?', agent)
      .toArray()[0];
    return {
      tries: row?.tries ?? 0,
      retryAtMs: row?.retry_at_ms ?? null,
      atMost: row?.at_most ?? MAX_MESSAGES_PER_DELIVERY,
    };
  }

  /** A delivery failed, the `tries`-th in a row. Null: the next one may follow at once. */
  failed(agent: AgentId, tries: number, retryAtMs: number | null): void {
    this.#sql.exec('UPDATE queues SET tries = ?, retry_at_ms = ? WHERE agent = ?', tries, retryAtMs, agent);
  }

  /** The next deliveries hold at most so many messages, until some have passed. */
  limit(agent: AgentId, atMost: number): void {
    this.#sql.exec('UPDATE queues SET at_most = ? WHERE agent = ?', atMost, agent);
  }

  /** A message was refused although it travelled alone. Returns how often. */
  rejected(agent: AgentId, message: MessageId): number {
    return this.#sql
      .exec<{ rejections: number }>(
        `UPDATE queues SET rejections = IIF(rejected = ?1, rejections, 0) + 1, rejected = ?1 WHERE agent = ?2
         RETURNING rejections`,
        message,
        agent,
      )
      .one().rejections;
  }

  /** Messages have passed: the next failure is the first, and the next delivery may be twice as large. Writes only where one failed. */
  passed(agent: AgentId): void {
    this.#sql.exec(
      `UPDATE queues SET tries = 0, retry_at_ms = NULL, at_most = IIF(at_most * 2 < ?, at_most * 2, NULL)
       WHERE agent = ? AND (tries > 0 OR at_most IS NOT NULL)`,
      MAX_MESSAGES_PER_DELIVERY,
      agent,
    );
  }

  /** What failed is gone, or answers again: the next delivery goes out as if none had failed. */
  forget(agent: AgentId): void {
    this.#sql.exec(
      `UPDATE queues SET tries = 0, retry_at_ms = NULL, at_most = NULL
       WHERE agent = ? AND (tries > 0 OR at_most IS NOT NULL)`,
      agent,
    );
  }

  /** With its agent, which has nothing open: what is kept of its messages counts on in the row of the town. */
  remove(agent: AgentId): void {
    this.#sql.exec('DELETE FROM queues WHERE agent = ?', agent);
  }

  #read(key: string): QueueSize {
    const row = this.#sql
      .exec<Row>('SELECT last_seq, waiting, bytes, finished, kept_bytes FROM queues WHERE agent = ?', key)
      .toArray()[0];
    return {
      lastSeq: row?.last_seq ?? 0,
      waiting: row?.waiting ?? 0,
      bytes: row?.bytes ?? 0,
      finished: row?.finished ?? 0,
      keptBytes: row?.kept_bytes ?? 0,
    };
  }
}
