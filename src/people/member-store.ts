/** Table `members` of a town: who belongs to it, and as what. The Town is the authority; the directory has a copy for lists. */
import type { MemberRole } from '#protocol';

/** A person in a town. */
export interface Member {
  readonly person: string;
  readonly role: MemberRole;
  readonly sinceMs: number;
  /** Null: whoever made the town. */
  readonly addedBy: string | null;
}

type Row = { person: string; role: MemberRole; since_ms: number; added_by: string | null };

/** The members of one town, in the order of their ids. Synchronous. */
export class MemberStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  get(person: string): Member | null {
    const row = this.#sql.exec<Row>('SELECT * FROM members WHERE person = ?', person).toArray()[0];
    return row === undefined ? null : toMember(row);
  }

  /** Those with an id above `after`. */
  list(after: string, limit: number): Member[] {
    const query = 'SELECT * FROM members WHERE person > ? ORDER BY person LIMIT ?';
    return this.#sql.exec<Row>(query, after, limit).toArray().map(toMember);
  }

  count(): number {
    return this.#sql.exec<{ n: number }>('SELECT COUNT(*) AS n FROM members').one().n;
  }

  /** Whether one person is an owner, and no other is. */
  isLastOwner(person: string): boolean {
    const owners = this.#sql.exec<Row>("SELECT * FROM members WHERE role = 'owner' LIMIT 2").toArray();
    return owners.length === 1 && owners[0]?.person === person;
  }

  /** Adds a member, or gives one that is there another role. */
  put({ person, role, sinceMs, addedBy }: Member): void {
    this.#sql.exec(
      `INSERT INTO members (person, role, since_ms, added_by) VALUES (?, ?, ?, ?)
       ON CONFLICT (person) DO UPDATE SET role = excluded.role`,
      person,
      role,
      sinceMs,
      addedBy,
    );
  }

  remove(person: string): void {
    this.#sql.exec('DELETE FROM members WHERE person = ?', person);
  }
}

function toMember({ person, role, since_ms: sinceMs, added_by: addedBy }: Row): Member {
  return { person, role, sinceMs, addedBy };
}
