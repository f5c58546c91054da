/**
 * Whether the steps of a schema are of the kinds that the release before them can live with (docs/decisions/0008): by what their
 * statements are, and by what they do to rows that are written as that release writes them.
 */
import { migrate, type Migration } from '../../src/lib/migrate.ts';
import { objectStorage } from './sqlite.ts';

type Storage = ReturnType<typeof objectStorage>;
type Values = Readonly<Record<string, string | number>>;

/** Every fault of every step after the first, which no older release ever meets. */
export function faultsOf(steps: readonly Migration[]): string[] {
  return steps.flatMap((step, at) =>
    at === 0
      ? []
      : [...forbidden(steps.slice(0, at), step), ...refused(steps.slice(0, at), step)].map(
          (fault) => `${step.id}: ${fault}`,
        ),
  );
}

/** What a step makes: tables and columns of its own; and the unique indexes that it finds. */
interface Made {
  readonly uniques: readonly string[];
  readonly tables: readonly string[];
  readonly columns: readonly string[];
}

const CREATE_TABLE = /^CREATE TABLE (\w+) /;
const ADD_COLUMN = /^ALTER TABLE \w+ ADD COLUMN (\w+) (.*)$/s;
const UNIQUE_INDEX = /^CREATE UNIQUE INDEX \w+ ON (\w+) \([^)]*\)(?: WHERE (\w+) IS NOT NULL)?/;
const TRIGGER = /^CREATE TRIGGER \w+ AFTER .*? BEGIN (.*) END$/s;
/** What a statement writes to; `DO UPDATE` belongs to the table that is named before it. */
const WRITES = /(?:INSERT INTO|(?<!DO )(?<!AFTER )UPDATE|DELETE FROM) (\w+)/g;
const SETS = /(?:SET |, )(\w+) = /g;

function forbidden(before: readonly Migration[], { statements }: Migration): string[] {
  const texts = statements.map((text) => text.replaceAll(/\s+/g, ' ').trim());
  const made: Made = {
    uniques: before.flatMap((step) =>
      step.statements.flatMap((text) => /^CREATE UNIQUE INDEX (\w+)/.exec(text)?.[1] ?? []),
    ),
    tables: texts.flatMap((text) => CREATE_TABLE.exec(text)?.[1] ?? []),
    columns: texts.flatMap((text) => ADD_COLUMN.exec(text)?.[1] ?? []),
  };
  return texts.flatMap((text) => {
    const why = whyForbidden(text, made);
    return why === null ? [] : [`${why}: ${text.slice(0, 60)}`];
  });
}

function whyForbidden(text: string, { uniques, tables, columns }: Made): string | null {
  const isOwn = (table: string | undefined): boolean => table !== undefined && tables.includes(table);
  if (CREATE_TABLE.test(text) || text.startsWith('CREATE INDEX ')) return null;
  // Only how fast the release before is hangs on an index that holds nothing apart.
  if (text.startsWith('DROP INDEX '))
    return uniques.includes(text.slice('DROP INDEX '.length)) ? 'a unique index goes' : null;
  // A table that is made anew, with all its rows, under a name of its own and then takes the old one: `refused` tries it.
  const renamed = /^ALTER TABLE (\w+)_next RENAME TO (\w+)$/.exec(text);
  if (renamed !== null)
    return isOwn(`${renamed[1]}_next`) && renamed[1] === renamed[2] ? null : 'another name for a table';
  const dropped = /^DROP TABLE (\w+)$/.exec(text)?.[1];
  if (dropped !== undefined) return isOwn(`${dropped}_next`) ? null : 'a table goes';
  const added = ADD_COLUMN.exec(text);
  if (added !== null) return /\b(CHECK|REFERENCES|UNIQUE)\b/.test(added[2] ?? '') ? 'a column with a constraint' : null;
  const unique = UNIQUE_INDEX.exec(text);
  if (unique !== null) {
    // Rows of the older release have null there, so the index never holds one of them.
    const isBeside = unique[2] !== undefined && columns.includes(unique[2]);
    return isOwn(unique[1]) || isBeside ? null : 'a unique index over rows of the older release';
  }
  const trigger = TRIGGER.exec(text);
  if (trigger !== null) {
    const body = trigger[1] ?? '';
    if (body.includes('RAISE(')) return 'a trigger that refuses';
    const written = [...body.matchAll(WRITES)].map(([, table]) => table);
    const set = [...body.matchAll(SETS)].map(([, column]) => column ?? '');
    // A column of its own in an older table is nothing that the older release reads or writes.
    const isBeside = !/INSERT INTO|DELETE FROM/.test(body) && set.every((column) => columns.includes(column));
    return isBeside || written.every(isOwn) ? null : 'a trigger that writes to a table of the older release';
  }
  const [written] = [...text.matchAll(WRITES)];
  if (text.startsWith('INSERT INTO ') && isOwn(written?.[1])) return null;
  if (text.startsWith('UPDATE ')) {
    const set = [...text.matchAll(SETS)].map(([, column]) => column ?? '');
    return set.every((column) => columns.includes(column)) ? null : 'a column of the older release is rewritten';
  }
  return 'no kind of statement that is allowed';
}

/** What the older release can no longer do once the step was run: read, change, remove or write rows as it did. */
function refused(before: readonly Migration[], step: Migration): string[] {
  const storage = objectStorage();
  migrate(storage, before);
  const written = tablesIn(storage).flatMap((table) => fill(storage, table).map((row) => ({ table, row })));
  const faults: string[] = [];
  const must = (what: string, query: string, values: Values[string][]): Record<string, unknown>[] => {
    try {
      return storage.sql.exec(query, ...values).toArray();
    } catch (thrown) {
      faults.push(`${what}: ${String(thrown)}`);
      return [];
    }
  };
  try {
    migrate(storage, [...before, step]);
  } catch (thrown) {
    return [`does not run over rows of the older release: ${String(thrown)}`];
  }
  for (const { table, row } of written) {
    const [names, values] = [Object.keys(row), Object.values(row)];
    const where = names.map((name) => `${name} = ?`).join(' AND ');
    const found = must(`reads ${table}`, `SELECT ${names.join(', ')} FROM ${table} WHERE ${where}`, values);
    if (found.length === 0) faults.push(`reads ${table}: its row is gone`);
    must(`changes ${table}`, `UPDATE ${table} SET ${names.map((name) => `${name} = ${name}`).join(', ')}`, []);
    must(`removes from ${table}`, `DELETE FROM ${table} WHERE ${where}`, values);
    const marks = names.map(() => '?').join(', ');
    must(`writes to ${table}`, `INSERT INTO ${table} (${names.join(', ')}) VALUES (${marks})`, values);
  }
  return faults;
}

function tablesIn({ sql }: Storage): string[] {
  return sql
    .exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'migrations'")
    .toArray()
    .map(({ name }) => String(name));
}

/** Two rows that differ in what has to be unique, and nowhere else; one where the table holds no more. Triggers write what they write. */
function fill({ sql }: Storage, table: string): Values[] {
  const keys = sql
    .exec(
      `SELECT info.name FROM pragma_index_list(?) AS list, pragma_index_info(list.name) AS info WHERE list."unique" = 1
       UNION SELECT name FROM pragma_table_info(?) WHERE pk > 0`,
      table,
      table,
    )
    .toArray()
    .map(({ name }) => name);
  const columns = sql.exec('SELECT name, type FROM pragma_table_info(?)', table).toArray();
  return [1, 2].flatMap((nth) => {
    const row = Object.fromEntries(
      columns.map(({ name, type }): [string, string | number] => {
        const mark = keys.includes(name) ? nth : 1;
        return [String(name), type === 'INTEGER' ? mark : `${table} ${mark}`];
      }),
    );
    const marks = columns.map(() => '?').join(', ');
    try {
      sql.exec(`INSERT INTO ${table} (${Object.keys(row).join(', ')}) VALUES (${marks})`, ...Object.values(row));
      return [row];
    } catch (thrown) {
      // A table of one row takes no second, and none where a step has put it there; the first has to fit an empty one.
      if (nth === 1 && sql.exec(`SELECT 1 FROM ${table}`).toArray().length === 0) throw thrown;
      return [];
    }
  });
}
