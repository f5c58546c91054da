/** D1 table `sign_in_links`: links that were made and not used yet. Of a link's code only the digest is here. */
import type { KeyId, PersonScope } from '#protocol';
import type { SignInLink } from '../people/sign-in-link.ts';

type Row = {
  digest: string;
  person: string;
  scope: PersonScope;
  parent: KeyId | null;
  ends_at_ms: number | null;
  expires_at_ms: number;
};

/** Table `sign_in_links` of the directory. A method rejects where D1 cannot be reached. */
export class SignInLinkStore {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  /** Stores a link unless its person has `limit` that wait. Those of all people that are over go first. Returns whether it did. */
  async add(link: SignInLink, limit: number, nowMs: number): Promise<boolean> {
    await this.#db.prepare('DELETE FROM sign_in_links WHERE expires_at_ms <= ?').bind(nowMs).run();
    const stored = await this.#db
      .prepare(
        `INSERT INTO sign_in_links (digest, person, scope, parent, ends_at_ms, expires_at_ms)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6
         WHERE (SELECT COUNT(*) FROM sign_in_links WHERE person = ?2 AND expires_at_ms > ?7) < ?8
         RETURNING digest`,
      )
      .bind(link.digest, link.person, link.scope, link.parent, link.endsAtMs, link.expiresAtMs, nowMs, limit)
      .first();
    return stored !== null;
  }

  /** Uses the link with this digest: one statement, so of two at once one has it. Null: there is none, or it is over. */
  async take(digest: string, nowMs: number): Promise<SignInLink | null> {
    const row = await this.#db
      .prepare('DELETE FROM sign_in_links WHERE digest = ? AND expires_at_ms > ? RETURNING *')
      .bind(digest, nowMs)
      .first<Row>();
    if (row === null) return null;
    const { person, scope, parent, ends_at_ms: endsAtMs, expires_at_ms: expiresAtMs } = row;
    return { digest, person, scope, parent, endsAtMs, expiresAtMs };
  }
}
