/** D1 table `api_keys`. Of a key only its digest is here, and a revoked one stays, so that people see what there was. */
import type { KeyId, PersonScope } from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import type { ApiKey } from '../people/api-key.ts';

type Row = {
  id: KeyId;
  person: string;
  name: string;
  scope: PersonScope;
  digest: string;
  created_at_ms: number;
  expires_at_ms: number;
  revoked_at_ms: number | null;
  parent: KeyId | null;
};

/** Why a key is not stored: its person has enough of them, or its parent is revoked or over, which stays so. */
export type KeyRefusal = 'too_many' | 'parent_over';

/** Table `api_keys` of the directory. What a method changes is one statement, so that it is whole whatever runs beside it. */
export class ApiKeyStore {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  /**
   * Stores a key unless its person has `limit` live ones, or its parent is not live. One statement: two at once cannot pass the
   * limit, and a key is either refused because its parent was revoked, or there to be revoked with it.
   */
  async add(key: ApiKey, limit: number): Promise<Result<void, KeyRefusal>> {
    const { id, person, name, scope, digest, createdAtMs, expiresAtMs, parent } = key;
    const stored = await this.#db
      .prepare(
        `INSERT INTO api_keys (id, person, name, scope, digest, created_at_ms, expires_at_ms, parent)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
         WHERE (SELECT COUNT(*) FROM api_keys WHERE person = ?2 AND revoked_at_ms IS NULL AND expires_at_ms > ?6) < ?9
         AND (?8 IS NULL OR EXISTS
           (SELECT 1 FROM api_keys WHERE id = ?8 AND revoked_at_ms IS NULL AND expires_at_ms > ?6))
         RETURNING id`,
      )
      .bind(id, person, name, scope, digest, createdAtMs, expiresAtMs, parent, limit)
      .first();
    if (stored !== null) return ok(undefined);
    return err((await this.#isOver(parent, createdAtMs)) ? 'parent_over' : 'too_many');
  }

  async #isOver(parent: KeyId | null, nowMs: number): Promise<boolean> {
    if (parent === null) return false;
    const key = await this.get(parent);
    return key === null || key.revokedAtMs !== null || key.expiresAtMs <= nowMs;
  }

  async get(id: KeyId): Promise<ApiKey | null> {
    const row = await this.#db.prepare('SELECT * FROM api_keys WHERE id = ?').bind(id).first<Row>();
    return row === null ? null : toKey(row);
  }

  /** One person's keys with an id above `after`, in the order of ids; revoked ones too. */
  async listOf(person: string, after: string, limit: number): Promise<ApiKey[]> {
    const { results } = await this.#db
      .prepare('SELECT * FROM api_keys WHERE person = ? AND id > ? ORDER BY id LIMIT ?')
      .bind(person, after, limit)
      .all<Row>();
    return results.map(toKey);
  }

  /**
   * From here on it is refused, and so is every key that was got with its links, or with links of such a key. The first time stays.
   * Returns the key, or null: this person has no such key.
   */
  async revoke(person: string, id: KeyId, nowMs: number): Promise<ApiKey | null> {
    const { results } = await this.#db
      .prepare(
        `UPDATE api_keys SET revoked_at_ms = COALESCE(revoked_at_ms, ?1)
         WHERE person = ?3 AND id IN (
           WITH RECURSIVE ended (id) AS (
             SELECT ?2 UNION SELECT api_keys.id FROM api_keys JOIN ended ON api_keys.parent = ended.id
           )
           SELECT id FROM ended
         )
         RETURNING *`,
      )
      .bind(nowMs, id, person)
      .all<Row>();
    const row = results.find((one) => one.id === id);
    return row === undefined ? null : toKey(row);
  }
}

/** The statement that stores a key from a command line, where no Worker runs yet. It holds the digest, and not the key. */
export function apiKeyInsert({ id, person, name, scope, digest, createdAtMs, expiresAtMs }: ApiKey): string {
  const texts = [id, person, name, scope, digest].map((text) => `'${text.replaceAll("'", "''")}'`);
  return `INSERT INTO api_keys (id, person, name, scope, digest, created_at_ms, expires_at_ms)
VALUES (${[...texts, createdAtMs, expiresAtMs].join(', ')})`;
}

function toKey(row: Row): ApiKey {
  return {
    id: row.id,
    person: row.person,
    name: row.name,
    scope: row.scope,
    digest: row.digest,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    revokedAtMs: row.revoked_at_ms,
    parent: row.parent,
  };
}
