/**
 * D1 table `towns`: who owns which town. It is asked before a Durable Object is touched, so an unknown town costs one read and
 * creates nothing (M-13). Agent tokens need no look-up here: their town is signed.
 */
import type { TownId } from '#protocol';

export interface TownEntry {
  readonly id: TownId;
  readonly name: string;
  readonly owner: string;
  readonly createdAtMs: number;
}

type Row = { id: TownId; name: string; owner: string; created_at_ms: number };

export class Directory {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  /** Idempotent by id. */
  async create(town: TownEntry): Promise<void> {
    await this.#db
      .prepare('INSERT INTO towns (id, name, owner, created_at_ms) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING')
      .bind(town.id, town.name, town.owner, town.createdAtMs)
      .run();
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
