/** Table `agents`. Synchronous; a read and its write hold no await between them. */
import type { AgentId, SessionId } from '#protocol';
import { canMove, type Agent, type AgentState, type Role, type Scope } from './agent.ts';

type Row = {
  id: AgentId;
  name: string;
  role: Role;
  scopes: string;
  state: AgentState;
  inc: number;
  container: number;
  session: SessionId | null;
  process_id: number | null;
  created_at_ms: number;
  last_heard_at_ms: number | null;
  reported: number;
  start_due_at_ms: number | null;
  start_tries: number;
  end_due_at_ms: number | null;
  end_tries: number;
};

const LIVE = "state NOT IN ('retired')";

export class AgentStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Adds an agent in its first incarnation, to be started at `startDueAtMs`. */
  add(agent: Pick<Agent, 'id' | 'name' | 'role' | 'scopes' | 'container' | 'createdAtMs'>, startDueAtMs: number): void {
    this.#sql.exec(
      `INSERT INTO agents (id, name, role, scopes, state, inc, container, created_at_ms, start_due_at_ms)
       VALUES (?, ?, ?, ?, 'starting', 1, ?, ?, ?)`,
      agent.id,
      agent.name,
      agent.role,
      agent.scopes.join(' '),
      agent.container,
      agent.createdAtMs,
      startDueAtMs,
    );
  }

  get(id: AgentId): Agent | null {
    return this.#one('SELECT * FROM agents WHERE id = ?', id);
  }

  /** By id, or by the name of a live agent. */
  find(idOrName: string): Agent | null {
    return this.#one(`SELECT * FROM agents WHERE id = ?1 OR (name = ?1 AND ${LIVE})`, idOrName);
  }

  /** Agents with an id above `after`, in the order of ids; retired ones too. */
  list(after: string, limit: number): Agent[] {
    return this.#many('SELECT * FROM agents WHERE id > ? ORDER BY id LIMIT ?', after, limit);
  }

  /** Every agent that is not retired. At most 500 live in a town. */
  live(): Agent[] {
    return this.#many(`SELECT * FROM agents WHERE ${LIVE} ORDER BY id`);
  }

  /** Whoever needs a look: live agents, and retired ones whose container has yet to confirm. */
  watched(): Agent[] {
    return this.#many(`SELECT * FROM agents WHERE ${LIVE} OR end_due_at_ms IS NOT NULL ORDER BY id`);
  }

  inContainer(container: number): Agent[] {
    return this.#many(`SELECT * FROM agents WHERE container = ? AND ${LIVE} ORDER BY id`, container);
  }

  /** Agents that use a token now: what a sweep looks at. */
  inUse(): Agent[] {
    return this.#many("SELECT * FROM agents WHERE state IN ('working', 'stalled') ORDER BY id");
  }

  startsDue(nowMs: number, limit: number): Agent[] {
    return this.#many('SELECT * FROM agents WHERE start_due_at_ms <= ? ORDER BY start_due_at_ms LIMIT ?', nowMs, limit);
  }

  endsDue(nowMs: number, limit: number): Agent[] {
    return this.#many('SELECT * FROM agents WHERE end_due_at_ms <= ? ORDER BY end_due_at_ms LIMIT ?', nowMs, limit);
  }

  earliestStart(): number | null {
    return this.#min('start_due_at_ms');
  }

  earliestEnd(): number | null {
    return this.#min('end_due_at_ms');
  }

  /** Moves an agent. Throws on a move that the states do not know: a broken invariant, not an outcome. */
  move(id: AgentId, to: AgentState): void {
    const agent = this.get(id);
    if (agent === null) throw new Error(`no agent ${id} to move`);
    if (!canMove(agent.state, to)) throw new Error(`agent ${id}: no move from ${agent.state} to ${to}`);
    this.#sql.exec('UPDATE agents SET state = ? WHERE id = ?', to, id);
  }

  /** What it is and may do from now on. */
  change(id: AgentId, role: Role, scopes: readonly Scope[]): void {
    this.#sql.exec('UPDATE agents SET role = ?, scopes = ? WHERE id = ?', role, scopes.join(' '), id);
  }

  /** Begins the next incarnation: it runs nowhere yet and has reported nothing. */
  nextIncarnation(id: AgentId, startDueAtMs: number): void {
    this.move(id, 'starting');
    this.#sql.exec(
      `UPDATE agents SET inc = inc + 1, session = NULL, process_id = NULL, reported = 0,
         start_due_at_ms = ?, start_tries = 0, end_due_at_ms = NULL, end_tries = 0 WHERE id = ?`,
      startDueAtMs,
      id,
    );
  }

  planStart(id: AgentId, dueAtMs: number | null, tries: number): void {
    this.#sql.exec('UPDATE agents SET start_due_at_ms = ?, start_tries = ? WHERE id = ?', dueAtMs, tries, id);
  }

  planEnd(id: AgentId, dueAtMs: number | null, tries: number): void {
    this.#sql.exec('UPDATE agents SET end_due_at_ms = ?, end_tries = ? WHERE id = ?', dueAtMs, tries, id);
  }

  /** This incarnation runs in `session`. */
  started(id: AgentId, session: SessionId, processId: number): void {
    this.#sql.exec(
      'UPDATE agents SET session = ?, process_id = ?, start_due_at_ms = NULL, start_tries = 0 WHERE id = ?',
      session,
      processId,
      id,
    );
  }

  /** It runs nowhere any more. */
  ended(id: AgentId): void {
    this.#sql.exec('UPDATE agents SET session = NULL, process_id = NULL, start_due_at_ms = NULL WHERE id = ?', id);
  }

  heard(id: AgentId, nowMs: number): void {
    this.#sql.exec('UPDATE agents SET last_heard_at_ms = ? WHERE id = ?', nowMs, id);
  }

  reported(id: AgentId, counter: number): void {
    this.#sql.exec('UPDATE agents SET reported = ? WHERE id = ?', counter, id);
  }

  #one(query: string, ...bindings: SqlStorageValue[]): Agent | null {
    return this.#many(query, ...bindings)[0] ?? null;
  }

  #many(query: string, ...bindings: SqlStorageValue[]): Agent[] {
    return this.#sql
      .exec<Row>(query, ...bindings)
      .toArray()
      .map(toAgent);
  }

  #min(column: 'start_due_at_ms' | 'end_due_at_ms'): number | null {
    return this.#sql.exec<{ at: number | null }>(`SELECT MIN(${column}) AS at FROM agents`).one().at;
  }
}

function toAgent(row: Row): Agent {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    // Written by `add` from this very type.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    scopes: row.scopes.split(' ').filter(Boolean) as Scope[],
    state: row.state,
    inc: row.inc,
    container: row.container,
    session: row.session,
    processId: row.process_id,
    createdAtMs: row.created_at_ms,
    lastHeardAtMs: row.last_heard_at_ms,
    reported: row.reported,
    startDueAtMs: row.start_due_at_ms,
    startTries: row.start_tries,
    endDueAtMs: row.end_due_at_ms,
    endTries: row.end_tries,
  };
}
