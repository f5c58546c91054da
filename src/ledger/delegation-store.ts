/** Table `delegations`. Synchronous; a read and its write hold no await between them. */
import { jsonBytes, type AgentId, type DelegationId, type DelegationState } from '#protocol';
import { oldestFirst } from './oldest-first.ts';
import { announceAt, openBytes, type Delegation, type DelegationHead } from './delegation.ts';

type HeadRow = {
  seq: number;
  id: DelegationId;
  from_agent: AgentId;
  to_agent: AgentId;
  parent: DelegationId | null;
  depth: number;
  state: DelegationState;
  created_at_ms: number;
  deadline_at_ms: number;
  finished_at_ms: number | null;
  error: 'agent_retired' | null;
  announce_at_ms: number | null;
  announced_at_ms: number | null;
  warned: number;
};
type Row = HeadRow & { task: string; result: string | null };

/** What a delegation ends with. */
export interface Ending {
  readonly state: Exclude<DelegationState, 'open'>;
  readonly result: string | null;
  readonly error: Delegation['error'];
}

/** Delegations of one agent that are kept after they were announced, the newest, with their texts. */
export const MAX_DELEGATIONS_KEPT = 200;
/** Delegations that were announced are kept this long (ms). */
export const DELEGATION_LIFE_MS = 30 * 24 * 3_600_000;
/** Rows that one step forgets at most. */
const PRUNE_STEP = 200;

/** Everything but the texts: only who asks for one delegation reads them. */
const HEAD = `seq, id, from_agent, to_agent, parent, depth, state, created_at_ms, deadline_at_ms, finished_at_ms, error,
  announce_at_ms, announced_at_ms, warned FROM delegations`;

const UNDER_WAY = "(state = 'open' OR announce_at_ms IS NOT NULL)";

/** A delegation is open or over, and moves once. Its announcement is due at a time in its row, so it is not forgotten with the object. */
export class DelegationStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Opens a delegation. */
  add(
    delegation: Pick<Delegation, 'id' | 'from' | 'to' | 'parent' | 'depth' | 'task' | 'createdAtMs' | 'deadlineAtMs'>,
  ): void {
    this.#sql.exec(
      `INSERT INTO delegations (id, from_agent, to_agent, parent, depth, state, task, created_at_ms, deadline_at_ms, bytes)
       VALUES (?, ?, ?, ?, ?, 'open', ?, ?, ?, ?)`,
      delegation.id,
      delegation.from,
      delegation.to,
      delegation.parent,
      delegation.depth,
      delegation.task,
      delegation.createdAtMs,
      delegation.deadlineAtMs,
      openBytes(delegation.task),
    );
  }

  get(id: string): Delegation | null {
    const row = this.#sql.exec<Row>('SELECT * FROM delegations WHERE id = ?', id).toArray()[0];
    return row === undefined ? null : { ...toHead(row), task: row.task, result: row.result };
  }

  /** Those with a `seq` above `after`, in order. */
  list(after: number, limit: number): DelegationHead[] {
    return this.#many('seq > ? ORDER BY seq LIMIT ?', after, limit);
  }

  /** What this agent may work on, the oldest first. */
  openTo(agent: AgentId): DelegationHead[] {
    return this.#many("to_agent = ? AND state = 'open' ORDER BY seq", agent);
  }

  openFrom(agent: AgentId): DelegationHead[] {
    return this.#many("from_agent = ? AND state = 'open' ORDER BY seq", agent);
  }

  /** Open ones whose deadline has passed. */
  overdue(nowMs: number, limit: number): DelegationHead[] {
    return this.#many("state = 'open' AND deadline_at_ms <= ? ORDER BY deadline_at_ms LIMIT ?", nowMs, limit);
  }

  /** How many this agent began since then. */
  countSince(from: AgentId, sinceMs: number): number {
    return this.#count('from_agent = ? AND created_at_ms > ?', from, sinceMs);
  }

  /** How many of this agent are open, or not announced to it yet. */
  countUnderWay(from: AgentId): number {
    return (
      this.#count("from_agent = ? AND state = 'open'", from) +
      this.#count("from_agent = ? AND announce_at_ms IS NOT NULL AND state <> 'open'", from)
    );
  }

  /**
   * Ends one that is open, and plans its announcement, unless `announced` is false: no agent is left to receive it. Returns
   * false where it was over before; it stays as it was.
   */
  end(id: DelegationId, ending: Ending, nowMs: number, announced = true): boolean {
    const found = this.get(id);
    if (found?.state !== 'open') return false;
    this.#sql.exec(
      `UPDATE delegations SET state = ?, result = ?, error = ?, finished_at_ms = ?, announce_at_ms = ?, bytes = ?
       WHERE id = ?`,
      ending.state,
      ending.result,
      ending.error,
      nowMs,
      announced ? announceAt(this.#lastAnnounced(found.from), nowMs) : null,
      jsonBytes(found.task) + jsonBytes(ending.result ?? ''),
      id,
    );
    return true;
  }

  /** Agents to which something is to be announced by now. */
  announcementsDue(nowMs: number, limit: number): AgentId[] {
    const agents = new Set<AgentId>();
    const due = 'SELECT from_agent FROM delegations WHERE announce_at_ms <= ? ORDER BY announce_at_ms';
    for (const { from_agent: from } of this.#sql.exec<{ from_agent: AgentId }>(due, nowMs)) {
      agents.add(from);
      if (agents.size >= limit) break;
    }
    return [...agents];
  }

  /** Everything that is to be announced to this agent, also what is due later. */
  unannounced(from: AgentId): DelegationHead[] {
    return this.#many('from_agent = ? AND announce_at_ms IS NOT NULL ORDER BY seq', from);
  }

  /** Puts all announcements to this agent off. */
  postpone(from: AgentId, untilMs: number): void {
    this.#sql.exec(
      'UPDATE delegations SET announce_at_ms = ? WHERE from_agent = ? AND announce_at_ms IS NOT NULL',
      untilMs,
      from,
    );
  }

  /** All that was to be announced to this agent has been. */
  announced(from: AgentId, nowMs: number): void {
    this.#sql.exec(
      `UPDATE delegations SET announce_at_ms = NULL, announced_at_ms = ?
       WHERE from_agent = ? AND announce_at_ms IS NOT NULL`,
      nowMs,
      from,
    );
    this.#prune(from, nowMs);
  }

  /** It could not be ended at its deadline. */
  postponeDeadline(id: DelegationId, atMs: number): void {
    this.#sql.exec('UPDATE delegations SET deadline_at_ms = ? WHERE id = ?', atMs, id);
  }

  /** The agent that is to be informed is retired: nothing more is announced to it. */
  dropAnnouncements(from: AgentId): void {
    this.#sql.exec(
      'UPDATE delegations SET announce_at_ms = NULL WHERE from_agent = ? AND announce_at_ms IS NOT NULL',
      from,
    );
  }

  /** Records that an agent other than the target sent a result; true the first time. */
  warn(id: DelegationId): boolean {
    return (
      this.#sql.exec('UPDATE delegations SET warned = 1 WHERE id = ? AND warned = 0 RETURNING id', id).toArray()
        .length > 0
    );
  }

  earliestDeadline(): number | null {
    return this.#sql
      .exec<{ at: number | null }>("SELECT MIN(deadline_at_ms) AS at FROM delegations WHERE state = 'open'")
      .one().at;
  }

  earliestAnnouncement(): number | null {
    const query = 'SELECT MIN(announce_at_ms) AS at FROM delegations WHERE announce_at_ms IS NOT NULL';
    return this.#sql.exec<{ at: number | null }>(query).one().at;
  }

  #lastAnnounced(from: AgentId): number | null {
    return this.#sql
      .exec<{ at: number | null }>('SELECT MAX(announced_at_ms) AS at FROM delegations WHERE from_agent = ?', from)
      .one().at;
  }

  /** Deletes this agent's delegations beyond the newest `MAX_DELEGATIONS_KEPT`, and every agent's expired ones; never one under way. */
  #prune(from: AgentId, nowMs: number): void {
    const past = `SELECT seq FROM delegations WHERE from_agent = ? AND NOT ${UNDER_WAY}
      ORDER BY created_at_ms DESC, seq DESC LIMIT ? OFFSET ?`;
    this.#sql.exec(`DELETE FROM delegations WHERE seq IN (${past})`, from, PRUNE_STEP, MAX_DELEGATIONS_KEPT);
    const old = `SELECT seq FROM delegations WHERE finished_at_ms < ? AND NOT ${UNDER_WAY} LIMIT ?`;
    this.#sql.exec(`DELETE FROM delegations WHERE seq IN (${old})`, nowMs - DELEGATION_LIFE_MS, PRUNE_STEP);
  }

  /** Forgets of those that are over and announced the oldest, until so many bytes are free, and at most `limit`. */
  pruneBytes(bytes: number, limit: number): void {
    const oldest = `SELECT seq, bytes FROM delegations WHERE finished_at_ms > 0 AND NOT ${UNDER_WAY}
      ORDER BY finished_at_ms LIMIT ?`;
    const rows = this.#sql.exec<{ seq: number; bytes: number }>(oldest, limit);
    for (const { seq } of oldestFirst(rows, bytes)) this.#sql.exec('DELETE FROM delegations WHERE seq = ?', seq);
  }

  #count(where: string, ...bindings: SqlStorageValue[]): number {
    return this.#sql.exec<{ n: number }>(`SELECT COUNT(*) AS n FROM delegations WHERE ${where}`, ...bindings).one().n;
  }

  #many(where: string, ...bindings: SqlStorageValue[]): DelegationHead[] {
    return this.#sql
      .exec<HeadRow>(`SELECT ${HEAD} WHERE ${where}`, ...bindings)
      .toArray()
      .map(toHead);
  }
}

function toHead(row: HeadRow): DelegationHead {
  return {
    seq: row.seq,
    id: row.id,
    from: row.from_agent,
    to: row.to_agent,
    parent: row.parent,
    depth: row.depth,
    state: row.state,
    createdAtMs: row.created_at_ms,
    deadlineAtMs: row.deadline_at_ms,
    finishedAtMs: row.finished_at_ms,
    error: row.error,
    announceAtMs: row.announce_at_ms,
    announcedAtMs: row.announced_at_ms,
    warned: row.warned === 1,
  };
}
