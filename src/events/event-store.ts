/** Table `events`: what happened in a town, in order. Read by polling with `after`. */
import type { TownId } from '#protocol';

/** Types are named like a noun and what became of it; a type never changes its meaning. */
export type EventType =
  | 'reeve.town.created'
  | 'reeve.town.restored'
  | 'reeve.keys.changed'
  | 'reeve.agent.created'
  | 'reeve.agent.starting'
  | 'reeve.agent.started'
  | 'reeve.agent.stopped'
  | 'reeve.agent.revoked'
  | 'reeve.agent.gone'
  | 'reeve.agent.retired'
  | 'reeve.agent.teardown_confirmed'
  | 'reeve.token.issued'
  | 'reeve.token.failed'
  | 'reeve.sweep.finished'
  | 'reeve.message.accepted'
  | 'reeve.message.delivered'
  | 'reeve.message.queued_again'
  | 'reeve.turn.started'
  | 'reeve.turn.finished';

/** Flat on purpose: an event names things by id and tells states and counts, never texts of a conversation (F14). */
type EventValue = string | number | boolean | null | string[] | Record<string, string | number>[];
export type EventData = { [key: string]: EventValue };

/** A CloudEvent 1.0 in its JSON format, with `seq` as an extension attribute that orders the events of one town. */
export interface TownEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: EventType;
  readonly subject: string;
  readonly time: string;
  readonly seq: number;
  readonly datacontenttype: 'application/json';
  readonly data: EventData;
}

type Row = { seq: number; type: EventType; subject: string; at_ms: number; data: string };

export class EventStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Appends in the transaction of what it tells of, so that neither is there without the other. `subject` is an id. */
  append(type: EventType, subject: string, data: EventData, nowMs: number): void {
    this.#sql.exec(
      'INSERT INTO events (type, subject, at_ms, data) VALUES (?, ?, ?, ?)',
      type,
      subject,
      nowMs,
      JSON.stringify(data),
    );
  }

  /** Events with a `seq` above `after`, oldest first. */
  list(town: TownId, after: number, limit: number): TownEvent[] {
    return this.#sql
      .exec<Row>('SELECT seq, type, subject, at_ms, data FROM events WHERE seq > ? ORDER BY seq LIMIT ?', after, limit)
      .toArray()
      .map((row) => toEvent(town, row));
  }
}

function toEvent(town: TownId, row: Row): TownEvent {
  return {
    specversion: '1.0',
    id: String(row.seq),
    source: `/v1/towns/${town}`,
    type: row.type,
    subject: row.subject,
    time: new Date(row.at_ms).toISOString(),
    seq: row.seq,
    datacontenttype: 'application/json',
    // Written by `append` from this very type.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    data: JSON.parse(row.data) as EventData,
  };
}
