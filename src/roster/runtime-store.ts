/** Table `runtimes`: what runs an agent where that is not the built-in one, and why its process came to nothing last. */
import { runtimeSchema, type AgentId, type ExitReason, type Runtime } from '#protocol';
import { parseJson } from '#lib/json.ts';

/** Why a start, or a process that ran, came to an end by itself. It stands until a turn comes to its end. */
export interface ProcessFailure {
  readonly reason: ExitReason | 'secret_missing';
  readonly detail: string;
  readonly atMs: number;
}

type FailureRow = { reason: ProcessFailure['reason'] | null; detail: string | null; atMs: number | null };

export class RuntimeStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Null: the built-in agent. Throws on a row that no schema knows. */
  of(agent: AgentId): Runtime | null {
    const row = this.#sql
      .exec<{ runtime: string | null }>('SELECT runtime FROM runtimes WHERE agent = ?', agent)
      .toArray()[0];
    return typeof row?.runtime === 'string' ? runtimeSchema.parse(parseJson(row.runtime)) : null;
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

  failureOf(agent: AgentId): ProcessFailure | null {
    const query = `SELECT failure_reason AS reason, failure_detail AS detail, failed_at_ms AS atMs
       FROM runtimes WHERE agent = ? AND failed_at_ms IS NOT NULL`;
    const row = this.#sql.exec<FailureRow>(query, agent).toArray()[0];
    if (row === undefined || row.reason === null || row.atMs === null) return null;
    return { reason: row.reason, detail: row.detail ?? '', atMs: row.atMs };
  }
}
