/** The two databases of the platform, played by a real SQLite in memory: a Durable Object's storage, and D1. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';

type Row = Record<string, unknown>;

function all(db: DatabaseSync, query: string, bindings: readonly SQLInputValue[]): Row[] {
  return db.prepare(query).all(...bindings);
}

/** What the stores use of `ctx.storage`: `sql.exec` with its cursor, and transactions that roll back. */
export function objectStorage() {
  const db = new DatabaseSync(':memory:');
  const sql = {
    exec: (query: string, ...bindings: SQLInputValue[]) => {
      const rows = all(db, query, bindings);
      return {
        [Symbol.iterator]: () => rows.values(),
        toArray: () => rows,
        one: () => {
          const [row] = rows;
          if (row === undefined || rows.length > 1) throw new Error(`expected one row, got ${rows.length}`);
          return row;
        },
      };
    },
  };
  const transactionSync = <T>(work: () => T): T => {
    db.exec('SAVEPOINT work');
    try {
      const value = work();
      db.exec('RELEASE work');
      return value;
    } catch (thrown) {
      db.exec('ROLLBACK TO work');
      db.exec('RELEASE work');
      throw thrown;
    }
  };
  return { sql, transactionSync };
}

/** What the directory uses of D1, over the real migrations; with `upTo` over those up to that number, until `migrate` is called. */
export function directoryDatabase(upTo = '9999') {
  const db = new DatabaseSync(':memory:');
  const folder = join(import.meta.dirname, '../../migrations');
  const files = readdirSync(folder).toSorted();
  const run = (file: string): void => db.exec(readFileSync(join(folder, file), 'utf8'));
  files.filter((file) => file.slice(0, 4) <= upTo).forEach(run);
  const statement = (query: string, bindings: readonly SQLInputValue[]) => ({
    bind: (...values: SQLInputValue[]) => statement(query, values),
    run: async () => void db.prepare(query).run(...bindings),
    first: async () => all(db, query, bindings)[0] ?? null,
    all: async () => ({ results: all(db, query, bindings) }),
  });
  return {
    prepare: (query: string) => statement(query, []),
    migrate: () => files.filter((file) => file.slice(0, 4) > upTo).forEach(run),
    batch: async (statements: readonly { run: () => Promise<void> }[]) => {
      db.exec('BEGIN');
      try {
        for (const one of statements) await one.run();
        db.exec('COMMIT');
      } catch (thrown) {
        db.exec('ROLLBACK');
        throw thrown;
      }
    },
  };
}
