/**
 * D1 table `towns`: who owns which town, and when each wants to be awake next. It is asked before a Durable Object is touched, so
 * an unknown town costs one read and creates nothing (M-13). Agent tokens need no look-up here: their town is signed.
 */
import type { TownId } from '#protocol';

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
}

type Row = { id: TownId; name: string; owner: string; created_at_ms: number; next_due_at_ms: number | null };

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
    await this.#db.prepare('UPDATE towns SET next_due_at_ms = ? WHERE id = ?').bind(dueAtMs, id).run();
  }

  async get(id: string): Promise<TownEntry | null> {
    const row = await this.#db.prepare('SELECT * FROM towns WHERE id = ?').bind(id).first<Row>();
    return row === null ? null : toEntry(row);
  }

  /** One owner's towns with an id above `after`, in the order of ids. */
  async listOf(owner: string, after: string, limit: number): Promise<TownEntry[]> {
    const { results } = await this.#db
      .prepare('SELECT * FROM towns WHERE owner = ? AND id > ? ORDER BY id LIMIT ?')
      .bind(owner, after, limit)
      .all<Row>();
    return results.map(toEntry);
  }

  /** A page of all towns with an id above `after`, in the order of ids. */
  async pageOfWatched(after: string, limit: number): Promise<WatchedTown[]> {
    const { results } = await this.#db
      .prepare('SELECT * FROM towns WHERE id > ? ORDER BY id LIMIT ?')
      .bind(after, limit)
      .all<Row>();
    return results.map((row) => ({ ...toEntry(row), nextDueAtMs: row.next_due_at_ms }));
  }

  /** A page of all ids above `after`: by key, because an offset would skip towns that are created meanwhile. */
  async pageOfIds(after: string, limit: number): Promise<TownId[]> {
    const { results } = await this.#db
      .prepare('SELECT id FROM towns WHERE id > ? ORDER BY id LIMIT ?')
      .bind(after, limit)
      .all<{ id: TownId }>();
    return results.map((row) => row.id);
  }
}

function toEntry(row: Row): TownEntry {
  return { id: row.id, name: row.name, owner: row.owner, createdAtMs: row.created_at_ms };
}
