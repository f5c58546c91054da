/** One step of a schema; steps are only ever appended. */
export interface Migration {
  readonly id: string;
  readonly statements: readonly string[];
}

/**
 * Brings a SQLite database up to the list, in one transaction, and remembers the ids. The stored ids must be a prefix of the
 * list: anything else means that a step was changed, removed or put in between, or that newer code wrote here; it throws.
 */
export function migrate(
  storage: Pick<DurableObjectStorage, 'sql' | 'transactionSync'>,
  steps: readonly Migration[],
): void {
  storage.transactionSync(() => {
    storage.sql.exec('CREATE TABLE IF NOT EXISTS migrations (at INTEGER PRIMARY KEY, id TEXT NOT NULL) STRICT');
    const done = storage.sql.exec<{ id: string }>('SELECT id FROM migrations ORDER BY at').toArray();
    done.forEach(({ id }, at) => {
      if (steps[at]?.id !== id)
        throw new Error(`schema: stored step ${at} is ${id}, expected ${steps[at]?.id ?? 'none'}`);
    });
    for (const { id, statements } of steps.slice(done.length)) {
      for (const statement of statements) storage.sql.exec(statement);
      storage.sql.exec('INSERT INTO migrations (id) VALUES (?)', id);
    }
  });
}

/** Whether anything was ever migrated here. Reads only, so that an object that nobody created stays empty. */
export function isMigrated(sql: SqlStorage): boolean {
  return sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").toArray().length > 0;
}
