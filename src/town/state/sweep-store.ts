/** Table `sweeps`: the last sweeps and what came of them. */
import type { AgentId } from '#protocol';

/** What became of one agent's token in a sweep or a forced refresh. */
export interface SweepResult {
  readonly agent: AgentId;
  /** The control server's own outcome, or why it was not reached. */
  readonly outcome: string;
  readonly generation: number;
}

/** Counts and results of one sweep. `due` = `ok` + `failed` + `skipped`. */
export interface SweepReport {
  readonly due: number;
  readonly ok: number;
  readonly failed: number;
  readonly skipped: number;
  readonly results: SweepResult[];
}

/** One sweep as it is stored, with its times. */
export interface SweepRecord extends SweepReport {
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
}

/** Enough to see a pattern over a day of hourly sweeps. */
const KEPT_SWEEPS = 24;

type Row = {
  started_at_ms: number;
  finished_at_ms: number;
  due: number;
  ok: number;
  failed: number;
  skipped: number;
  results: string;
};

/** The last day of hourly sweeps; older ones are forgotten with each new one. */
export class SweepStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  add(sweep: SweepRecord): void {
    this.#sql.exec(
      'INSERT INTO sweeps (started_at_ms, finished_at_ms, due, ok, failed, skipped, results) VALUES (?, ?, ?, ?, ?, ?, ?)',
      sweep.startedAtMs,
      sweep.finishedAtMs,
      sweep.due,
      sweep.ok,
      sweep.failed,
      sweep.skipped,
      JSON.stringify(sweep.results),
    );
    this.#sql.exec('DELETE FROM sweeps WHERE seq <= (SELECT MAX(seq) FROM sweeps) - ?', KEPT_SWEEPS);
  }

  /** The newest first. */
  latest(limit: number): SweepRecord[] {
    return this.#sql.exec<Row>('SELECT * FROM sweeps ORDER BY seq DESC LIMIT ?', limit).toArray().map(toRecord);
  }
}

function toRecord(row: Row): SweepRecord {
  return {
    startedAtMs: row.started_at_ms,
    finishedAtMs: row.finished_at_ms,
    due: row.due,
    ok: row.ok,
    failed: row.failed,
    skipped: row.skipped,
    // Written by `add` from this very type.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    results: JSON.parse(row.results) as SweepResult[],
  };
}
