/** One step of a schema; steps are only ever appended, and of the kinds that decision 8 allows. */
export interface Migration {
  readonly id: string;
  readonly statements: readonly string[];
}

/** What this needs of the storage of a Durable Object. */
interface Sql {
  exec(query: string, ...bindings: string[]): { toArray(): Record<string, unknown>[] };
}
interface Storage {
  readonly sql: Sql;
  transactionSync<T>(work: () => T): T;
}

/**
 * Brings a SQLite database up to the list, in one transaction, and remembers the ids. Stored ids and the list must agree as far as
 * both go: anything else means that a step was changed, removed or put in between; it throws. Steps stored past the end of the
 * list were run by a newer release that was rolled back: this one works on the part that it knows. Returns their ids.
 *
 * @param whole statements that come to the same as all steps in an empty database, and take less time: one that has no step yet is
 * made by them
 */
export function migrate(
  storage: Storage,
  steps: readonly Migration[],
  whole: readonly string[] = [],
): readonly string[] {
  return storage.transactionSync(() => {
    storage.sql.exec('CREATE TABLE IF NOT EXISTS migrations (at INTEGER PRIMARY KEY, id TEXT NOT NULL) STRICT');
    const stored = storedSteps(storage.sql);
    for (const [at, { id }] of steps.slice(0, stored.length).entries()) {
      if (stored[at] !== id) throw new Error(`schema: stored step ${at} is ${stored[at] ?? 'none'}, expected ${id}`);
    }
    const made = stored.length === 0 ? whole : [];
    for (const statement of made) storage.sql.exec(statement);
    for (const { id, statements } of steps.slice(stored.length)) {
      if (made.length === 0) for (const statement of statements) storage.sql.exec(statement);
      storage.sql.exec('INSERT INTO migrations (id) VALUES (?)', id);
    }
    return stored.slice(steps.length);
  });
}

/** Ids of the stored steps that `steps` does not reach, in a database that was migrated. */
export function stepsAhead(sql: Sql, steps: readonly Migration[]): readonly string[] {
  return storedSteps(sql).slice(steps.length);
}

/** Whether anything was ever migrated here. Reads only, so that an object which was never created stays empty. */
export function isMigrated(sql: Sql): boolean {
  return sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").toArray().length > 0;
}

function storedSteps(sql: Sql): string[] {
  return sql
    .exec('SELECT id FROM migrations ORDER BY at')
    .toArray()
    .map(({ id }) => String(id));
}
