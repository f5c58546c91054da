/** Table `runtimes`: what runs an agent where that is not the built-in one, and why its process came to nothing last. */
import { runtimeSchema, type AgentId, type ProcessFailureReason, type Runtime } from '#protocol';
import { parseJson } from '#lib/json.ts';

/** Why a start, or a process that ran, came to an end by itself. It stands until a turn comes to its end. */
export interface ProcessFailure {
  readonly reason: ProcessFailureReason;
  readonly detail: string;
  readonly atMs: number;
}

type Row = {
  runtime: string | null;
  failure_reason: ProcessFailure['reason'] | null;
  failure_detail: string | null;
  failed_at_ms: number | null;
};

/** Runtimes by agent. No row: the built-in agent, whose process has not failed. */
export class RuntimeStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** `runtime` null: the built-in agent. Throws on a row that no schema knows. */
  get(agent: AgentId): { readonly runtime: Runtime | null; readonly failure: ProcessFailure | null } {
    const row = this.#row(agent);
    if (row === undefined) return { runtime: null, failure: null };
    const { runtime } = row;
    return { runtime: runtime === null ? null : runtimeSchema.parse(parseJson(runtime)), failure: failureOf(row) };
  }

  /** Why its process came to nothing, without reading what runs it. */
  failureOf(agent: AgentId): ProcessFailure | null {
    const row = this.#row(agent);
    return row === undefined ? null : failureOf(row);
  }

  /** From its next start on. */
  set(agent: AgentId, runtime: Runtime | null): void {
    this.#sql.exec(
      `INSERT INTO runtimes (agent, runtime) VALUES (?1, ?2) ON CONFLICT (agent) DO UPDATE SET runtime = ?2`,
      agent,
      runtime === null ? null : JSON.stringify(runtime),
    );
  }

  failed(agent: AgentId, { reason, detail, atMs }: ProcessFailure): void {
    this.#sql.exec(
      `INSERT INTO runtimes (agent, failure_reason, failure_detail, failed_at_ms) VALUES (?1, ?2, ?3, ?4)
       ON CONFLICT (agent) DO UPDATE SET failure_reason = ?2, failure_detail = ?3, failed_at_ms = ?4`,
      agent,
      reason,
      detail,
      atMs,
    );
  }

  /** It finished a turn. Writes only where something had failed. */
  recovered(agent: AgentId): void {
    this.#sql.exec(
      `UPDATE runtimes SET failure_reason = NULL, failure_detail = NULL, failed_at_ms = NULL
       WHERE agent = ? AND failed_at_ms IS NOT NULL`,
      agent,
    );
  }

  /** With its agent. */
  remove(agent: AgentId): void {
    this.#sql.exec('DELETE FROM runtimes WHERE agent = ?', agent);
  }

  #row(agent: AgentId): Row | undefined {
    return this.#sql.exec<Row>('SELECT * FROM runtimes WHERE agent = ?', agent).toArray()[0];
  }
}

function failureOf({ failure_reason: reason, failure_detail: detail, failed_at_ms: atMs }: Row): ProcessFailure | null {
  return reason === null || atMs === null ? null : { reason, detail: detail ?? '', atMs };
}
