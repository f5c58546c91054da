/** D1 table `api_keys`. Of a key only its digest is here, and a revoked one stays, so that people see what there was. */
import type { KeyId, PersonScope } from '#protocol';
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
};

/** Table `api_keys` of the directory. Each method is one statement, so that it is whole whatever runs beside it. */
export class ApiKeyStore {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  /** Stores a key unless its person has `limit` live ones. Returns whether it did: one statement, so two at once cannot pass it. */
  async add(key: ApiKey, limit: number): Promise<boolean> {
    const stored = await this.#db
      .prepare(
        `INSERT INTO api_keys (id, person, name, scope, digest, created_at_ms, expires_at_ms)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
         WHERE (SELECT COUNT(*) FROM api_keys WHERE person = ?2 AND revoked_at_ms IS NULL AND expires_at_ms > ?6) < ?8
         RETURNING id`,
      )
      .bind(key.id, key.person, key.name, key.scope, key.digest, key.createdAtMs, key.expiresAtMs, limit)
      .first();
    return stored !== null;
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

  /** From here on it is refused. The first time stays. Returns the key, or null: this person has no such key. */
  async revoke(person: string, id: KeyId, nowMs: number): Promise<ApiKey | null> {
    const row = await this.#db
      .prepare(
        'UPDATE api_keys SET revoked_at_ms = COALESCE(revoked_at_ms, ?1) WHERE id = ?2 AND person = ?3 RETURNING *',
      )
      .bind(nowMs, id, person)
      .first<Row>();
    return row === null ? null : toKey(row);
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
  };
}
