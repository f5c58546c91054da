/**
 * Table `events`: what happened in a town, in order. Every append takes the next `seq` without a gap, and what is no longer kept
 * goes from the old end only, so a reader that knows the last `seq` it has seen misses nothing without learning of it.
 */
import {
  ISSUE_REASONS,
  fillPage,
  utf8Bytes,
  type EventDataOf,
  type EventType,
  type EventView,
  type Page,
  type TownId,
} from '#protocol';

/** Events that are kept at most. The newest stays whatever its age: it tells where the town is. */
export const MAX_EVENTS_KEPT = 100_000;
/** Events are kept this long (ms). */
export const EVENT_LIFE_MS = 30 * 24 * 3_600_000;
const MAX_EVENT_BYTES = 256 * 1024 * 1024;
/**
 * Every so many appends the old end is checked, with each one where too many bytes are kept, and at most twice as many are
 * removed: bounded work, and it catches up.
 */
const PRUNE_EVERY = 64;
const PRUNE_STEP = 2 * PRUNE_EVERY;

/** A page of events, oldest first; `next` goes into `after`. */
export interface EventPage extends Page<EventView> {
  /** `seq` of the oldest event that is kept; 0 where there is none. What came between `after` and this is gone. */
  readonly oldest: number;
}

/** Bytes of all events before one. */
const BEFORE = 'total_bytes - length(CAST(data AS BLOB))';

/** Counts by the names that `COUNTED` gives them. */
export interface EventTally {
  readonly head: number;
  readonly counts: readonly (readonly [string, number])[];
}

/** More are counted the next time: bounded work. */
const MAX_EVENTS_TALLIED = 20_000;

const lengthOf = (list: string): string => `json_array_length(data, '$.${list}')`;
const where = (field: string, value: string): string => `data ->> '${field}' = '${value}'`;
/** Under each name a type of event, and what one of them adds: what it holds, or whether it is of a kind. */
const COUNTED: Readonly<Record<string, readonly [EventType, string]>> = {
  sweep_ok: ['reeve.sweep.finished', "data ->> 'ok'"],
  sweep_failed: ['reeve.sweep.finished', "data ->> 'failed'"],
  sweep_skipped: ['reeve.sweep.finished', "data ->> 'skipped'"],
  push_failures: ['reeve.token.failed', '1'],
  delivered: ['reeve.message.delivered', lengthOf('messages')],
  queued_again: ['reeve.message.queued_again', lengthOf('messages')],
  dead_lettered: ['reeve.message.dead_lettered', lengthOf('messages')],
  turns_done: ['reeve.turn.finished', where('state', 'done')],
  turns_failed: ['reeve.turn.finished', where('state', 'failed')],
  silent: ['reeve.agent.stalled', where('why', 'silent')],
  no_output: ['reeve.agent.stalled', where('why', 'no_output')],
  gone: ['reeve.agent.gone', '1'],
  ...Object.fromEntries(
    ISSUE_REASONS.map((reason) => [
      `issued_${reason}`,
      ['reeve.token.issued', `(${where('reason', reason)}) * ${lengthOf('agents')}`] as const,
    ]),
  ),
};
const SUMS = Object.entries(COUNTED).map(([name, [type, one]]) => `SUM(IIF(type = '${type}', ${one}, 0)) AS ${name}`);
const TALLY = `SELECT ${SUMS.join(', ')} FROM events WHERE seq > ? AND seq <= ?`;

type Row = { seq: number; type: EventType; subject: string; at_ms: number; data: string };

/** Table `events`: appended to inside the transaction of the change that an event reports. */
export class EventStore {
  readonly #sql: SqlStorage;
  readonly #onAppend: (type: EventType, seq: number, nowMs: number) => void;
  readonly #maxBytes: number;

  /** `onAppend` is called in the transaction, which may be rolled back yet: what it leads to reads the table afterwards. */
  constructor(
    sql: SqlStorage,
    onAppend: (type: EventType, seq: number, nowMs: number) => void,
    maxBytes = MAX_EVENT_BYTES,
  ) {
    this.#sql = sql;
    this.#onAppend = onAppend;
    this.#maxBytes = maxBytes;
  }

  /** Appends in the transaction of what it tells of, so that neither is there without the other. `subject` is an id. */
  append<T extends EventType>(type: T, subject: string, data: EventDataOf<T>, nowMs: number): void {
    const text = JSON.stringify(data);
    const last = 'SELECT total_bytes AS bytes FROM events WHERE seq = (SELECT MAX(seq) FROM events)';
    const total = (this.#sql.exec<{ bytes: number }>(last).toArray()[0]?.bytes ?? 0) + utf8Bytes(text);
    const { seq } = this.#sql
      .exec<{ seq: number }>(
        'INSERT INTO events (type, subject, at_ms, data, total_bytes) VALUES (?, ?, ?, ?, ?) RETURNING seq',
        type,
        subject,
        nowMs,
        text,
        total,
      )
      .one();
    const first = `SELECT ${BEFORE} AS bytes FROM events WHERE seq = (SELECT MIN(seq) FROM events)`;
    const gone = this.#sql.exec<{ bytes: number }>(first).one();
    if (seq % PRUNE_EVERY === 0 || total - gone.bytes > this.#maxBytes) this.#prune(seq, total, nowMs);
    this.#onAppend(type, seq, nowMs);
  }

  /** `seq` of the newest event, 0 before the first. */
  head(): number {
    return this.#sql.exec<{ seq: number | null }>('SELECT MAX(seq) AS seq FROM events').one().seq ?? 0;
  }

  /** `seq` of the oldest event that is kept, 0 where there is none. */
  oldest(): number {
    return this.#sql.exec<{ seq: number | null }>('SELECT MIN(seq) AS seq FROM events').one().seq ?? 0;
  }

  /** As many of `list` as a page holds, and from where on events are kept. */
  page(town: TownId, after: number, limit: number): EventPage {
    const view = (row: Row): EventView => toEvent(town, row);
    const page = fillPage(this.#rows(after, limit + 1), limit, view, ({ seq }) => String(seq));
    return { ...page, oldest: this.oldest() };
  }

  /** Events with a `seq` above `after`, oldest first. */
  list(town: TownId, after: number, limit: number): EventView[] {
    return Array.from(this.#rows(after, limit), (row) => toEvent(town, row));
  }

  /** The first event with a `seq` above `after` that is wanted, by its type; null: there is none. Nothing behind it is read. */
  firstWanted(town: TownId, after: number, isWanted: (type: EventType) => boolean): EventView | null {
    for (const row of this.#rows(after, MAX_EVENTS_KEPT)) if (isWanted(row.type)) return toEvent(town, row);
    return null;
  }

  /** What happened behind `after`, up to a bounded number of events: `head` is the last one that is counted. */
  tally(after: number): EventTally {
    const until = Math.min(this.head(), after + MAX_EVENTS_TALLIED);
    const counts = this.#sql.exec<Record<string, number | null>>(TALLY, after, until).one();
    const head = Math.max(after, until);
    return { head, counts: Object.entries(counts).map(([name, count]) => [name, count ?? 0]) };
  }

  /** Each is read when it is asked for. */
  #rows(after: number, limit: number): Iterable<Row> {
    const query = 'SELECT seq, type, subject, at_ms, data FROM events WHERE seq > ? ORDER BY seq LIMIT ?';
    return this.#sql.exec<Row>(query, after, limit);
  }

  #prune(newest: number, total: number, nowMs: number): void {
    this.#sql.exec(
      `DELETE FROM events WHERE seq < ? AND (seq <= ? OR at_ms < ? OR ${BEFORE} < ?)`,
      // One bound: of two, SQLite would search by the first alone, and read every event.
      Math.min(newest, this.oldest() + PRUNE_STEP),
      newest - MAX_EVENTS_KEPT,
      nowMs - EVENT_LIFE_MS,
      total - this.#maxBytes,
    );
  }
}

function toEvent(town: TownId, row: Row): EventView {
  const data: unknown = JSON.parse(row.data);
  const event = {
    specversion: '1.0',
    id: String(row.seq),
    source: `/v1/towns/${town}`,
    type: row.type,
    subject: row.subject,
    time: new Date(row.at_ms).toISOString(),
    seq: row.seq,
    datacontenttype: 'application/json',
    data,
  };
  // `append` wrote the data of this type.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return event as EventView;
}
