/** Table `permissions`. Synchronous; a read and its write hold no await between them. */
import {
  permissionOptionSchema,
  type AgentId,
  type MessageId,
  type PermissionId,
  type PermissionState,
  type ResolvedBy,
} from '#protocol';
import { parseJson } from '#lib/json.ts';
import type { Permission } from './permission.ts';

const OPEN = "state IN ('open', 'answered')";
const options = permissionOptionSchema.array();

type Row = {
  seq: number;
  id: PermissionId;
  agent: AgentId;
  inc: number;
  message: MessageId;
  attempt: number;
  title: string;
  kind: string;
  input: string;
  options: string;
  state: PermissionState;
  requested_at_ms: number;
  expires_at_ms: number;
  option_id: string | null;
  answered_by: string | null;
  answered_at_ms: number | null;
  resolved_by: ResolvedBy | null;
  resolved_at_ms: number | null;
  due_at_ms: number | null;
  tries: number;
};

type Asked = Pick<
  Permission,
  'id' | 'agent' | 'inc' | 'message' | 'attempt' | 'title' | 'kind' | 'input' | 'options' | 'requestedAtMs'
> & { readonly expiresAtMs: number };

/** What agents asked; an answer is kept until its agent has it. */
export class PermissionStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** It waits for a person, and is closed at `dueAtMs`. The same id again changes nothing. Returns whether it is new. */
  add(asked: Asked, dueAtMs: number): boolean {
    return this.#changed(
      `INSERT INTO permissions (id, agent, inc, message, attempt, title, kind, input, options, state, requested_at_ms,
         expires_at_ms, due_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, ?, ?) ON CONFLICT (id) DO NOTHING RETURNING id`,
      asked.id,
      asked.agent,
      asked.inc,
      asked.message,
      asked.attempt,
      asked.title,
      asked.kind,
      asked.input,
      JSON.stringify(asked.options),
      asked.requestedAtMs,
      asked.expiresAtMs,
      dueAtMs,
    );
  }

  get(id: string): Permission | null {
    return this.#many('SELECT * FROM permissions WHERE id = ?', id)[0] ?? null;
  }

  /** In the order in which they were asked; the oldest that is kept first. */
  list(afterSeq: number, limit: number): Permission[] {
    return this.#many('SELECT * FROM permissions WHERE seq > ? ORDER BY seq LIMIT ?', afterSeq, limit);
  }

  /** Those that are not over. */
  listOpen(afterSeq: number, limit: number): Permission[] {
    return this.#many(`SELECT * FROM permissions WHERE ${OPEN} AND seq > ? ORDER BY seq LIMIT ?`, afterSeq, limit);
  }

  /** Of one agent, those that are not over. */
  openOf(agent: AgentId): Permission[] {
    return this.#many(`SELECT * FROM permissions WHERE ${OPEN} AND agent = ? ORDER BY seq`, agent);
  }

  /** A person answers what is open; from here on the answer is sent to its agent until it has arrived. */
  answer(id: PermissionId, option: string | null, by: string, nowMs: number, dueAtMs: number): void {
    this.#sql.exec(
      `UPDATE permissions SET state = 'answered', option_id = ?, answered_by = ?, answered_at_ms = ?, due_at_ms = ?, tries = 0
       WHERE id = ? AND state = 'open'`,
      option,
      by,
      nowMs,
      dueAtMs,
      id,
    );
  }

  plan(id: PermissionId, dueAtMs: number, tries: number): void {
    this.#sql.exec(`UPDATE permissions SET due_at_ms = ?, tries = ? WHERE id = ? AND ${OPEN}`, dueAtMs, tries, id);
  }

  /** It is over; the first end stays. Returns whether this was it. */
  resolve(
    id: PermissionId,
    { state, option, by }: { state: 'selected' | 'cancelled'; option: string | null; by: ResolvedBy },
    nowMs: number,
  ): boolean {
    return this.#changed(
      `UPDATE permissions SET state = ?, option_id = ?, resolved_by = ?, resolved_at_ms = ?, due_at_ms = NULL
       WHERE id = ? AND ${OPEN} RETURNING id`,
      state,
      option,
      by,
      nowMs,
      id,
    );
  }

  /** Those whose time has come, the longest waiting first. */
  due(nowMs: number, limit: number): Permission[] {
    return this.#many('SELECT * FROM permissions WHERE due_at_ms <= ? ORDER BY due_at_ms LIMIT ?', nowMs, limit);
  }

  earliest(): number | null {
    const query = 'SELECT MIN(due_at_ms) AS at FROM permissions WHERE due_at_ms IS NOT NULL';
    return this.#sql.exec<{ at: number | null }>(query).one().at;
  }

  /** Forgets what is over and older than the newest `kept`, at most `limit` at once. */
  prune(kept: number, limit: number): void {
    const old = 'seq <= (SELECT MAX(seq) FROM permissions) - ?';
    const over = `SELECT seq FROM permissions WHERE ${old} ORDER BY seq LIMIT ?`;
    this.#sql.exec(`DELETE FROM permissions WHERE seq IN (${over}) AND NOT (${OPEN})`, kept, limit);
  }

  #changed(query: string, ...bindings: SqlStorageValue[]): boolean {
    return this.#sql.exec(query, ...bindings).toArray().length > 0;
  }

  #many(query: string, ...bindings: SqlStorageValue[]): Permission[] {
    return this.#sql
      .exec<Row>(query, ...bindings)
      .toArray()
      .map(toPermission);
  }
}

function toPermission(row: Row): Permission {
  return {
    seq: row.seq,
    id: row.id,
    agent: row.agent,
    inc: row.inc,
    message: row.message,
    attempt: row.attempt,
    title: row.title,
    kind: row.kind,
    input: row.input,
    options: options.parse(parseJson(row.options)),
    state: row.state,
    requestedAtMs: row.requested_at_ms,
    expiresAtMs: row.expires_at_ms,
    option: row.option_id,
    answeredBy: row.answered_by,
    answeredAtMs: row.answered_at_ms,
    resolvedBy: row.resolved_by,
    resolvedAtMs: row.resolved_at_ms,
    dueAtMs: row.due_at_ms,
    tries: row.tries,
  };
}
