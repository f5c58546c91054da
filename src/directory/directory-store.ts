/**
 * D1 table `towns`: who owns which town, and when each wants to be awake next. It is asked before a Durable Object is touched, so
 * an unknown town costs one read and creates nothing (M-13). Agent tokens need no look-up here: their town is signed.
 */
import type { TownId } from '#protocol';

/** A town that is past its time by this much (ms) does not come back by itself: an alarm rings, is retried, or is lost. */
export const OVERDUE_MS = 10 * 60_000;

/** A town as it is listed for its owner. */
export interface TownEntry {
  readonly id: TownId;
  readonly name: string;
  readonly owner: string;
  readonly createdAtMs: number;
}

/** An entry as the watchdog reads it. */
export interface WatchedTown extends TownEntry {
  /** By when the town has something to do, as it said last; null: nothing. Past by much: its alarm was lost. */
  readonly nextDueAtMs: number | null;
  /** Since when it is being deleted, or null. */
  readonly deletedAtMs: number | null;
}

type Row = {
  id: TownId;
  name: string;
  owner: string;
  created_at_ms: number;
  next_due_at_ms: number | null;
  deleted_at_ms: number | null;
};

/** The towns by id and by owner. A method rejects where D1 cannot be reached. */
export class Directory {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  /** Idempotent by id. The town is due until it says otherwise, so one whose object was never reached is found by the watchdog. */
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
    const row = await this.#db.prepare('SELECT * FROM towns WHERE id = ?').bind(id).first<Row>();
    return row === null ? null : { entry: toEntry(row), deletedAtMs: row.deleted_at_ms };
  }

  /** One owner's towns with an id above `after`, in the order of ids. */
  async listOf(owner: string, after: string, limit: number): Promise<TownEntry[]> {
    const { results } = await this.#db
      .prepare('SELECT * FROM towns WHERE owner = ? AND id > ? AND deleted_at_ms IS NULL ORDER BY id LIMIT ?')
      .bind(owner, after, limit)
      .all<Row>();
    return results.map(toEntry);
  }

  /** One owner's towns of this name, in the order of ids. */
  async named(owner: string, name: string, limit: number): Promise<TownEntry[]> {
    const { results } = await this.#db
      .prepare('SELECT * FROM towns WHERE owner = ? AND name = ? AND deleted_at_ms IS NULL ORDER BY id LIMIT ?')
      .bind(owner, name, limit)
      .all<Row>();
    return results.map(toEntry);
  }

  /** A page of all towns with an id above `after`, those that are being deleted among them, in the order of ids. */
  async pageOfWatched(after: string, limit: number): Promise<WatchedTown[]> {
    const { results } = await this.#db
      .prepare('SELECT * FROM towns WHERE id > ? ORDER BY id LIMIT ?')
      .bind(after, limit)
      .all<Row>();
    return results.map((row) => ({ ...toEntry(row), nextDueAtMs: row.next_due_at_ms, deletedAtMs: row.deleted_at_ms }));
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

function toEntry(row: Row): TownEntry {
  return { id: row.id, name: row.name, owner: row.owner, createdAtMs: row.created_at_ms };
}
