/**
 * D1 tables `towns` and `memberships`: who is a member of which town, and when each town wants to be awake next. It is asked before a
 * Durable Object is touched, so an unknown town costs one read and creates nothing (M-13). Agent tokens need no look-up here: their
 * town is signed. What is here of members is a copy for lists, and for refusing strangers: the Town decides.
 */
import type { MemberRole, TownId } from '#protocol';
import type { Member } from '../people/member-store.ts';

/** A town that is past its time by this much (ms) does not come back by itself: an alarm rings, is retried, or is lost. */
export const OVERDUE_MS = 10 * 60_000;

/** A town. */
export interface TownEntry {
  readonly id: TownId;
  readonly name: string;
  /** One of its owners: whoever made it, as long as they are one. The release before members asks for no more. */
  readonly owner: string;
  readonly createdAtMs: number;
}

/** A town as one of its members sees it. */
export interface Membership extends WatchedTown {
  readonly role: MemberRole;
}

/** An entry as the watchdog reads it. */
export interface WatchedTown extends TownEntry {
  /** By when the town has something to do, as it said last; null: nothing. Past by much: its alarm was lost. */
  readonly nextDueAtMs: number | null;
  /** Since when it is being deleted, or null. */
  readonly deletedAtMs: number | null;
}

/** That a town was to go back to an earlier state. */
export interface RestoreMark {
  /** When it was asked for; of two marks of a town the later one is the greater. */
  readonly atMs: number;
  /** The bookmark of the state that it left. */
  readonly undo: string;
}

type Row = {
  id: TownId;
  name: string;
  owner: string;
  created_at_ms: number;
  next_due_at_ms: number | null;
  deleted_at_ms: number | null;
};
type MemberRow = Row & { role: MemberRole };

/** The towns by id and by member. A method rejects where D1 cannot be reached. */
export class Directory {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  /** Idempotent by id; with its first owner as its only member. The town is due until it says otherwise, so one whose object was never reached is found by the watchdog. */
  async create(town: TownEntry): Promise<void> {
    await this.#db
      .prepare(
        `INSERT INTO towns (id, name, owner, created_at_ms, next_due_at_ms) VALUES (?1, ?2, ?3, ?4, ?4)
         ON CONFLICT (id) DO NOTHING`,
      )
      .bind(town.id, town.name, town.owner, town.createdAtMs)
      .run();
  }

  /** When the town has something to do next, or null. */
  async plan(id: TownId, dueAtMs: number | null): Promise<void> {
    await this.#db
      .prepare('UPDATE towns SET next_due_at_ms = ? WHERE id = ? AND deleted_at_ms IS NULL')
      .bind(dueAtMs, id)
      .run();
  }

  /** From here on no caller finds the town; it stays due until its entry is removed, so the watchdog finds it. Idempotent. */
  async markDeleted(id: TownId, nowMs: number): Promise<void> {
    await this.#db
      .prepare('UPDATE towns SET deleted_at_ms = ?1, next_due_at_ms = ?1 WHERE id = ?2 AND deleted_at_ms IS NULL')
      .bind(nowMs, id)
      .run();
  }

  /**
   * Whoever holds this town next is to know that it goes back to an earlier state; it is due, so that the watchdog wakes it. Returns
   * whether its entry is there, and not as one that is being deleted.
   */
  async markRestore(id: TownId, nowMs: number, undo: string): Promise<boolean> {
    const marked = await this.#db
      .prepare(
        `UPDATE towns SET restore_at_ms = MAX(COALESCE(restore_at_ms, 0) + 1, ?2), restore_undo = ?3, next_due_at_ms = ?2
         WHERE id = ?1 AND deleted_at_ms IS NULL RETURNING id`,
      )
      .bind(id, nowMs, undo)
      .first();
    return marked !== null;
  }

  /** The newest mark; null: this town never went back. */
  async restoreMark(id: TownId): Promise<RestoreMark | null> {
    return this.#db
      .prepare(
        'SELECT restore_at_ms AS atMs, restore_undo AS undo FROM towns WHERE id = ? AND restore_at_ms IS NOT NULL',
      )
      .bind(id)
      .first<RestoreMark>();
  }

  /** Clears the entry of a town that was marked as deleted, when nothing else of it is left. Idempotent. */
  async remove(id: TownId): Promise<void> {
    await this.#db.prepare('DELETE FROM towns WHERE id = ? AND deleted_at_ms IS NOT NULL').bind(id).run();
  }

  /** One that is being deleted is not found. */
  async get(id: string): Promise<TownEntry | null> {
    const found = await this.find(id);
    return found?.deletedAtMs === null ? found.entry : null;
  }

  /** Also one that is being deleted. */
  async find(id: string): Promise<{ entry: TownEntry; deletedAtMs: number | null } | null> {
    const found = await this.findWatched(id);
    if (found === null) return null;
    const { nextDueAtMs: _, deletedAtMs, ...entry } = found;
    return { entry, deletedAtMs };
  }

  /** The same, with when it is due. */
  async findWatched(id: string): Promise<WatchedTown | null> {
    const row = await this.#db.prepare('SELECT * FROM towns WHERE id = ?').bind(id).first<Row>();
    return row === null ? null : toWatched(row);
  }

  /** A town for one person, also while it is being deleted; null: it is not there, or they are no member. */
  async findFor(person: string, id: string): Promise<Membership | null> {
    const row = await this.#db
      .prepare('SELECT towns.*, role FROM memberships JOIN towns ON id = town WHERE town = ? AND person = ?')
      .bind(id, person)
      .first<MemberRow>();
    return row === null ? null : toMembership(row);
  }

  /** One person's towns with an id above `after`, in the order of ids; none that is being deleted. */
  async listOf(person: string, after: string, limit: number): Promise<Membership[]> {
    const { results } = await this.#db
      .prepare(
        `SELECT towns.*, role FROM memberships JOIN towns ON id = town
         WHERE person = ? AND town > ? AND deleted_at_ms IS NULL ORDER BY town LIMIT ?`,
      )
      .bind(person, after, limit)
      .all<MemberRow>();
    return results.map(toMembership);
  }

  /**
   * Makes this the list of a town's members, all or nothing, unless a newer revision is here. Idempotent, and of a town that has no
   * entry nothing is written.
   */
  async publishMembers(id: TownId, revision: number, members: readonly Member[]): Promise<void> {
    const list = JSON.stringify(members.map(({ person, role }) => ({ person, role })));
    const isNewest = '?2 = (SELECT members_revision FROM towns WHERE id = ?1)';
    const statements = [
      this.#db
        .prepare(
          `UPDATE towns SET members_revision = ?2, owner = COALESCE(
             (SELECT value ->> 'person' FROM json_each(?3) WHERE value ->> 'role' = 'owner'
              ORDER BY value ->> 'person' <> owner LIMIT 1), owner)
           WHERE id = ?1 AND members_revision < ?2`,
        )
        .bind(id, revision, list),
      this.#db
        .prepare(
          `DELETE FROM memberships WHERE town = ?1 AND ${isNewest}
           AND person NOT IN (SELECT value ->> 'person' FROM json_each(?3))`,
        )
        .bind(id, revision, list),
      this.#db
        .prepare(
          `INSERT INTO memberships (town, person, role)
           SELECT ?1, value ->> 'person', value ->> 'role' FROM json_each(?3) WHERE ${isNewest}
           ON CONFLICT (town, person) DO UPDATE SET role = excluded.role WHERE role <> excluded.role`,
        )
        .bind(id, revision, list),
    ];
    await this.#db.batch(statements);
  }

  /** One person's towns of this name, in the order of ids. */
  async named(person: string, name: string, limit: number): Promise<TownEntry[]> {
    const { results } = await this.#db
      .prepare(
        `SELECT towns.* FROM memberships JOIN towns ON id = town
         WHERE person = ? AND name = ? AND deleted_at_ms IS NULL ORDER BY town LIMIT ?`,
      )
      .bind(person, name, limit)
      .all<Row>();
    return results.map(toEntry);
  }

  /** Of the next `span` towns with an id above `after` those that were due by `dueBy`; `last`: null where there was no town. One query. */
  async overdueIn(
    after: string,
    span: number,
    dueBy: number,
  ): Promise<{ looked: number; last: TownId | null; towns: WatchedTown[] }> {
    const next = 'SELECT * FROM towns WHERE id > ?1 ORDER BY id LIMIT ?2';
    const { results } = await this.#db
      .prepare(
        `WITH span AS MATERIALIZED (${next}) SELECT looked, last, span.*
         FROM (SELECT COUNT(*) AS looked, MAX(id) AS last FROM span) LEFT JOIN span ON next_due_at_ms <= ?3`,
      )
      .bind(after, span, dueBy)
      .all<{ looked: number; last: TownId | null } & (Row | { id: null })>();
    const [{ looked, last } = { looked: 0, last: null }] = results;
    return { looked, last, towns: results.flatMap((row) => (row.id === null ? [] : [toWatched(row)])) };
  }

  /** A page of all towns with an id above `after`, those that are being deleted among them, in the order of ids. */
  async pageOfWatched(after: string, limit: number): Promise<WatchedTown[]> {
    const { results } = await this.#db
      .prepare('SELECT * FROM towns WHERE id > ? ORDER BY id LIMIT ?')
      .bind(after, limit)
      .all<Row>();
    return results.map(toWatched);
  }

  /** A page of all ids above `after`: by key, because an offset would skip towns that are created meanwhile. */
  async pageOfIds(after: string, limit: number): Promise<TownId[]> {
    const { results } = await this.#db
      .prepare('SELECT id FROM towns WHERE id > ? AND deleted_at_ms IS NULL ORDER BY id LIMIT ?')
      .bind(after, limit)
      .all<{ id: TownId }>();
    return results.map((row) => row.id);
  }
}

function toMembership(row: MemberRow): Membership {
  return { ...toWatched(row), role: row.role };
}

function toWatched(row: Row): WatchedTown {
  return { ...toEntry(row), nextDueAtMs: row.next_due_at_ms, deletedAtMs: row.deleted_at_ms };
}

function toEntry(row: Row): TownEntry {
  return { id: row.id, name: row.name, owner: row.owner, createdAtMs: row.created_at_ms };
}
