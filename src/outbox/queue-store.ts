/**
 * Table `queues`: per agent, and for the whole town, what its messages come to. Triggers on `messages` keep it, so no way of
 * writing a message can forget it, and whether one more may wait is told without a look at those that do.
 */
import type { AgentId } from '#protocol';

export interface QueueSize {
  /** The highest `seq` ever given; it only grows, also when messages are pruned. */
  readonly lastSeq: number;
  /** Messages that no turn has begun with: queued, or handed over and waiting in the box. */
  readonly waiting: number;
  /** Bytes of JSON text of these. */
  readonly bytes: number;
  /** Messages in a final state that are still kept. */
  readonly finished: number;
  /** Bytes of JSON text of these, with their results; counted for the whole town alone. */
  readonly keptBytes: number;
}

type Row = { last_seq: number; waiting: number; bytes: number; finished: number; kept_bytes: number };

/** The row of the whole town. */
const TOWN = '';

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
