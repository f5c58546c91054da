/** Table `town`: one row, which says that this town was created. */
import { isMigrated } from '#lib/migrate.ts';
import type { TownId } from '#protocol';

/** The town's own row. */
export interface TownRecord {
  readonly id: TownId;
  readonly name: string;
  /** Who made it: its first owner. Table `members` says whose it is. */
  readonly owner: string;
  readonly createdAtMs: number;
  /** Tokens issued before this are refused. */
  readonly validFromMs: number;
  /** The next sweep; counts only while an agent uses its token. */
  readonly sweepAtMs: number;
  /** Fingerprint of the key set that the town last worked with. */
  readonly keySet: string;
  /** What was published last to the directory of when this town is due. */
  readonly publishedDueAtMs: number | null;
  /** Not null: it is being deleted; then the last steps of that are tried next. */
  readonly removalDueAtMs: number | null;
  /** Since when, or null. */
  readonly removalSinceMs: number | null;
  /** For which its agents may exchange their tokens. */
  readonly tokenAudiences: readonly string[];
  /** Of the list of members; it only grows. */
  readonly membersRevision: number;
  /** When that list is sent to the directory next; null: the directory has it. */
  readonly membersDueAtMs: number | null;
  /** The directory's newest mark of a restore that this state knows of; 0: none. */
  readonly restoreMarkMs: number;
}

/** What a town begins with; the rest is as its columns have it. */
type NewTownRecord = Omit<
  TownRecord,
  | 'validFromMs'
  | 'removalDueAtMs'
  | 'removalSinceMs'
  | 'tokenAudiences'
  | 'membersRevision'
  | 'membersDueAtMs'
  | 'restoreMarkMs'
>;

type Row = {
  id: TownId;
  name: string;
  owner: string;
  created_at_ms: number;
  valid_from_ms: number;
  sweep_at_ms: number;
  key_set: string;
  told_due_at_ms: number | null;
  removal_due_at_ms: number | null;
  removal_since_ms: number | null;
  token_audiences: string;
  members_revision: number;
  members_due_at_ms: number | null;
  restore_mark_ms: number;
};

/** Table `town`: one row, kept in memory between writes. */
export class TownStore {
  readonly #sql: SqlStorage;
  /** The row as this object has it, which alone writes it; every step of a town asks for it. */
  #known: TownRecord | undefined;
  #hasTable = false;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  create(town: NewTownRecord): void {
    this.#write(
      `INSERT INTO town (one, id, name, owner, created_at_ms, valid_from_ms, sweep_at_ms, key_set, told_due_at_ms)
       VALUES (1, ?, ?, ?, ?, 0, ?, ?, ?)`,
      town.id,
      town.name,
      town.owner,
      town.createdAtMs,
      town.sweepAtMs,
      town.keySet,
      town.publishedDueAtMs,
    );
  }

  /** Whether this town was created and not wiped. Asked of every call, also of an object that has no table. */
  exists(): boolean {
    this.#hasTable ||= isMigrated(this.#sql);
    return this.#hasTable && this.get() !== null;
  }

  get(): TownRecord | null {
    this.#known ??= this.#read();
    return this.#known ?? null;
  }

  /** The row is read again: what was written to it since it was read was rolled back. */
  forget(): void {
    this.#known = undefined;
  }

  /** Everything of this town was taken away, its table too. */
  wiped(): void {
    this.forget();
    this.#hasTable = false;
  }

  #read(): TownRecord | undefined {
    const row = this.#sql.exec<Row>('SELECT * FROM town').toArray()[0];
    if (row === undefined) return undefined;
    return {
      id: row.id,
      name: row.name,
      owner: row.owner,
      createdAtMs: row.created_at_ms,
      validFromMs: row.valid_from_ms,
      sweepAtMs: row.sweep_at_ms,
      keySet: row.key_set,
      publishedDueAtMs: row.told_due_at_ms,
      removalDueAtMs: row.removal_due_at_ms,
      removalSinceMs: row.removal_since_ms,
      // Written by `allowAudiences` from this very type.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      tokenAudiences: JSON.parse(row.token_audiences) as string[],
      membersRevision: row.members_revision,
      membersDueAtMs: row.members_due_at_ms,
      restoreMarkMs: row.restore_mark_ms,
    };
  }

  /** From now on the town works with this key set. */
  useKeySet(fingerprint: string): void {
    this.#write('UPDATE town SET key_set = ?', fingerprint);
  }

  /** The directory has it that this town is due then. */
  published(dueAtMs: number | null): void {
    this.#write('UPDATE town SET told_due_at_ms = ?', dueAtMs);
  }

  /** The next try of the last steps of its end, which began with the first such plan. */
  planRemoval(atMs: number, nowMs: number): void {
    this.#write('UPDATE town SET removal_due_at_ms = ?, removal_since_ms = COALESCE(removal_since_ms, ?)', atMs, nowMs);
  }

  /** Refuses every token that was issued before. */
  setValidFrom(atMs: number): void {
    this.#write('UPDATE town SET valid_from_ms = ?', atMs);
  }

  /** This state knows of that mark of a restore. */
  noticed(markMs: number): void {
    this.#write('UPDATE town SET restore_mark_ms = ?', markMs);
  }

  /** Agents may exchange their tokens for these audiences, and for no other. */
  allowAudiences(audiences: readonly string[]): void {
    this.#write('UPDATE town SET token_audiences = ?', JSON.stringify(audiences));
  }

  /** The list of members has changed. Times, so that it grows also where the database was put back to an earlier state. */
  membersChanged(nowMs: number, dueAtMs: number): void {
    this.#write(
      'UPDATE town SET members_revision = MAX(members_revision + 1, ?), members_due_at_ms = ?',
      nowMs,
      dueAtMs,
    );
  }

  /** The next try to send the list of members. */
  planMembers(atMs: number): void {
    this.#write('UPDATE town SET members_due_at_ms = ?', atMs);
  }

  /** The directory has the list of this revision: unless a newer one is due, none is. */
  membersPublished(revision: number): void {
    this.#write('UPDATE town SET members_due_at_ms = NULL WHERE members_revision = ?', revision);
  }

  planSweep(atMs: number): void {
    this.#write('UPDATE town SET sweep_at_ms = ?', atMs);
  }

  #write(query: string, ...bindings: SqlStorageValue[]): void {
    this.forget();
    this.#sql.exec(query, ...bindings);
  }
}
