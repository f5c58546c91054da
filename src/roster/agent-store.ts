/** Table `agents`. Synchronous; a read and its write hold no await between them. */
import { MAX_AGENTS_PER_TOWN, type AgentId, type AgentState, type Role, type Scope, type SessionId } from '#protocol';
import { KeptRows } from '#lib/kept-rows.ts';
import { AGENT_COLUMNS, AT_WORK, DUE_COLUMNS, LIVE, OVER, RETIRED, byId, toAgent, withTime } from './agent-row.ts';
import type { AgentDue, AgentRow } from './agent-row.ts';
import { canMove, isHeardWorthARow, type Agent, type MovedWith } from './agent.ts';
import { LastSigns } from './last-signs.ts';

/** The number of who was retired last. */
const LAST = `SELECT MAX(retired) FROM agents WHERE ${RETIRED}`;

const AGENTS = `SELECT ${AGENT_COLUMNS} FROM agents`;

/** Agents, with the signs of life that are not written to their rows yet. */
export class AgentStore {
  readonly #sql: SqlStorage;
  readonly #signs = new LastSigns();
  readonly #kept = new KeptRows<AgentId, Agent>(2 * MAX_AGENTS_PER_TOWN);

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Adds an agent in its first incarnation, to be started at `startDueAtMs`. */
  add(agent: Pick<Agent, 'id' | 'name' | 'role' | 'scopes' | 'container' | 'createdAtMs'>, startDueAtMs: number): void {
    const insert = `INSERT INTO agents (id, name, role, scopes, state, inc, container, created_at_ms, start_due_at_ms)
      VALUES (?, ?, ?, ?, 'starting', 1, ?, ?, ?)`;
    const { id, name, role, scopes, container, createdAtMs } = agent;
    this.#sql.exec(insert, id, name, role, scopes.join(' '), container, createdAtMs, startDueAtMs);
  }

  get(id: AgentId): Agent | null {
    const row = this.#row(id);
    return row === null ? null : this.#signs.over(row);
  }

  /** What was written since the last commit was rolled back, or the table is gone. */
  forget(): void {
    this.#kept.forgetAll();
  }

  /** By id, or by the name of a live agent. */
  find(idOrName: string): Agent | null {
    return this.#many(`${AGENTS} WHERE id = ?1 OR (name = ?1 AND ${LIVE})`, idOrName)[0] ?? null;
  }

  /** Agents with an id above `after`, in the order of ids; those of the retired that are kept too. */
  list(after: string, limit: number): Agent[] {
    return this.#many(`${AGENTS} WHERE id > ? ORDER BY id LIMIT ?`, after, limit);
  }

  /** Every agent that is not retired; read in the order of the index that holds them alone. */
  live(): Agent[] {
    return byId(this.#many(`${AGENTS} WHERE ${LIVE} ORDER BY name`));
  }

  /** How many live agents are placed in each container that has any: from an index, without a row of theirs. */
  population(): { container: number; agents: number }[] {
    const query = `SELECT container, COUNT(*) AS agents FROM agents WHERE ${LIVE} GROUP BY container`;
    return this.#sql.exec<{ container: number; agents: number }>(query).toArray();
  }

  /** Live agents, and retired ones whose container has yet to confirm the teardown. */
  liveOrEnding(): Agent[] {
    return byId([...this.live(), ...this.#many(`${AGENTS} WHERE end_due_at_ms > 0 AND state = 'retired'`)]);
  }

  inContainer(container: number): Agent[] {
    return byId(this.#many(`${AGENTS} WHERE container = ? AND ${LIVE}`, container));
  }

  /** Agents of a container, retired ones too, whose stop or teardown it has yet to confirm. */
  endingIn(container: number): Agent[] {
    return byId(this.#many(`${AGENTS} WHERE container = ? AND end_due_at_ms > 0`, container));
  }

  /** Retired agents whose container was given up before it confirmed: they may run there until its next session. */
  leftIn(container: number): Agent[] {
    const left = "state = 'retired' AND session IS NOT NULL AND end_due_at_ms IS NULL";
    return byId(this.#many(`${AGENTS} WHERE container = ? AND ${left}`, container));
  }

  /** Of those who were retired before the latest `kept`, and whose end is confirmed, the first. */
  pastLatestRetired(kept: number, limit: number): AgentId[] {
    const past = `SELECT id FROM agents WHERE ${OVER} AND retired <= (${LAST}) - ? ORDER BY retired LIMIT ?`;
    return [...this.#sql.exec<{ id: AgentId }>(past, kept, limit)].map(({ id }) => id);
  }

  /** It is as if it had never been: only where it is over for good, so that no token, request or row can mean it. */
  remove(id: AgentId): void {
    this.#write(id, 'DELETE FROM agents WHERE id = ?', id);
  }

  /** Agents that use a token now: what a sweep refreshes. */
  inUse(): Agent[] {
    const rows = this.#rows(`${AGENTS} WHERE ${AT_WORK}`);
    for (const row of rows) this.#kept.keep(row.id, row);
    return byId(rows.map((row) => this.#signs.over(row)));
  }

  /** Whether there is one of these. Asked at the end of each transaction, so it reads one row, however many there are. */
  isAnyInUse(): boolean {
    return this.#sql.exec(`SELECT 1 FROM agents WHERE ${AT_WORK} LIMIT 1`).toArray().length > 0;
  }

  /** Agents of which this is due, the longest waiting first. */
  due(what: AgentDue, nowMs: number, limit: number): Agent[] {
    const column = DUE_COLUMNS[what];
    return this.#many(`${AGENTS} WHERE ${withTime(what)} <= ? ORDER BY ${column} LIMIT ?`, nowMs, limit);
  }

  /** When this is due of any agent first, or null. */
  earliest(what: AgentDue): number | null {
    const query = `SELECT MIN(${DUE_COLUMNS[what]}) AS at FROM agents WHERE ${withTime(what)} IS NOT NULL`;
    return this.#sql.exec<{ at: number | null }>(query).one().at;
  }

  /**
   * Moves an agent, clears the plans that its new state does not serve, and writes its last signs of life, with what the move brings.
   * Throws on a move that the states do not know.
   */
  move(id: AgentId, to: AgentState, also: MovedWith = {}): void {
    const agent = this.get(id);
    if (agent === null) throw new Error(`no agent ${id} to move`);
    if (!canMove(agent.state, to)) throw new Error(`agent ${id}: no move from ${agent.state} to ${to}`);
    if (to === 'retired') {
      this.#write(id, `UPDATE agents SET retired = IFNULL((${LAST}), 0) + 1 WHERE id = ? AND ${LIVE}`, id);
    }
    const moved = { ...agent, stalledWhy: null, stalledAtMs: null, ...also };
    const update = `UPDATE agents SET state = ?1, stalled_why = ?5, stalled_at_ms = ?6, revive_at_ms = NULL,
      last_heard_at_ms = ?3, progress_at_ms = ?4, watched_from_ms = ?7, reported = ?9,
      look_at_ms = CASE WHEN ?1 IN ('working', 'stalled') THEN ?8 END,
      start_due_at_ms = CASE WHEN ?1 = 'starting' THEN start_due_at_ms END,
      end_due_at_ms = CASE WHEN ?1 IN ('stopped', 'retired') THEN end_due_at_ms END WHERE id = ?2`;
    const { stalledWhy, stalledAtMs, watchedFromMs, livenessCheckAtMs, reported } = moved;
    const heard = [agent.lastHeardAtMs, agent.progressAtMs];
    this.#write(id, update, to, id, ...heard, stalledWhy, stalledAtMs, watchedFromMs, livenessCheckAtMs, reported);
  }

  /** What it is and may do from now on. */
  change(id: AgentId, role: Role, scopes: readonly Scope[]): void {
    this.#write(id, 'UPDATE agents SET role = ?, scopes = ? WHERE id = ?', role, scopes.join(' '), id);
  }

  /** Begins the next incarnation in a container: it runs nowhere yet and has reported nothing. */
  nextIncarnation(id: AgentId, container: number, startDueAtMs: number): void {
    this.move(id, 'starting');
    const update = `UPDATE agents SET inc = inc + 1, container = ?, session = NULL, process_id = NULL, reported = 0,
      start_due_at_ms = ?, start_tries = 0, end_due_at_ms = NULL, end_tries = 0 WHERE id = ?`;
    this.#write(id, update, container, startDueAtMs, id);
  }

  planStart(id: AgentId, dueAtMs: number | null, tries: number): void {
    this.#write(id, 'UPDATE agents SET start_due_at_ms = ?, start_tries = ? WHERE id = ?', dueAtMs, tries, id);
  }

  planEnd(id: AgentId, dueAtMs: number | null, tries: number): void {
    this.#write(id, 'UPDATE agents SET end_due_at_ms = ?, end_tries = ? WHERE id = ?', dueAtMs, tries, id);
  }

  /** This incarnation runs in `session`. */
  started(id: AgentId, session: SessionId, processId: number): void {
    const runs = 'session = ?, process_id = ?, start_due_at_ms = NULL, start_tries = 0';
    this.#write(id, `UPDATE agents SET ${runs} WHERE id = ?`, session, processId, id);
  }

  /** Whatever of its work is due is due at `atMs` instead: nothing can be done with it now. */
  postpone(id: AgentId, nowMs: number, atMs: number): void {
    for (const column of Object.values(DUE_COLUMNS)) {
      this.#write(id, `UPDATE agents SET ${column} = ? WHERE id = ? AND ${column} <= ?`, atMs, id, nowMs);
    }
  }

  /** It runs nowhere any more. */
  ended(id: AgentId): void {
    this.#write(id, 'UPDATE agents SET session = NULL, process_id = NULL, start_due_at_ms = NULL WHERE id = ?', id);
  }

  /**
   * It sent a sign of life. `progressAtMs` null: nothing new is known of its output. Readers of this store see it at once;
   * the row is written with its next move or report, or by `writeHeard`.
   */
  recordHeard({ id, progressAtMs: before }: Agent, nowMs: number, progressAtMs: number | null): void {
    const latest = progressAtMs !== null && progressAtMs > (before ?? 0) ? progressAtMs : before;
    this.#signs.record(id, { lastHeardAtMs: nowMs, progressAtMs: latest });
  }

  /** Writes its last signs of life where one of the two times moved by a minute, or the clock was set back. */
  writeHeard(id: AgentId): void {
    const [row, agent] = [this.#row(id), this.get(id)];
    if (row === null || agent === null || !isHeardWorthARow(row, agent)) return;
    const update = 'UPDATE agents SET last_heard_at_ms = ?, progress_at_ms = ? WHERE id = ?';
    this.#write(id, update, agent.lastHeardAtMs, agent.progressAtMs, id);
  }

  /** Whether this object has received a sign of life of it; otherwise only its row says when the last one came. */
  isHeardHere(id: AgentId): boolean {
    return this.#signs.has(id);
  }

  /** From `fromMs` on signs of life are expected of it, and it is checked next at `livenessCheckAtMs`. */
  monitor(id: AgentId, fromMs: number, livenessCheckAtMs: number): void {
    const update = 'UPDATE agents SET watched_from_ms = ?, look_at_ms = ? WHERE id = ?';
    this.#write(id, update, fromMs, livenessCheckAtMs, id);
  }

  /** Plans the next liveness check, or clears the plan. */
  planLivenessCheck(id: AgentId, atMs: number | null): void {
    this.#write(id, 'UPDATE agents SET look_at_ms = ? WHERE id = ?', atMs, id);
  }

  countRestart(id: AgentId): void {
    this.#write(id, 'UPDATE agents SET restarts = restarts + 1 WHERE id = ?', id);
  }

  /** It finished a turn, or was revived: what was before counts no more. */
  forgetRestarts(id: AgentId): void {
    if (this.get(id)?.restarts !== 0) this.#write(id, 'UPDATE agents SET restarts = 0 WHERE id = ?', id);
  }

  planRevival(id: AgentId, atMs: number | null): void {
    this.#write(id, 'UPDATE agents SET revive_at_ms = ? WHERE id = ?', atMs, id);
  }

  /** It reported a batch of events; its last signs of life are written with it. */
  reported(id: AgentId, counter: number): void {
    const { lastHeardAtMs, progressAtMs } = this.get(id) ?? {};
    const update = 'UPDATE agents SET reported = ?, last_heard_at_ms = ?, progress_at_ms = ? WHERE id = ?';
    this.#write(id, update, counter, lastHeardAtMs ?? null, progressAtMs ?? null, id);
  }

  #many(query: string, ...bindings: SqlStorageValue[]): Agent[] {
    return this.#rows(query, ...bindings).map((row) => this.#signs.over(row));
  }

  /** As they are stored, without the signs of life that came since. */
  #rows(query: string, ...bindings: SqlStorageValue[]): Agent[] {
    return Array.from(this.#sql.exec(query, ...bindings).raw<AgentRow>(), toAgent);
  }

  #row(id: AgentId): Agent | null {
    return this.#kept.get(id, () => this.#rows(`${AGENTS} WHERE id = ?`, id)[0] ?? null);
  }

  #write(id: AgentId, query: string, ...bindings: SqlStorageValue[]): void {
    this.#kept.forget(id);
    this.#sql.exec(query, ...bindings);
  }
}
