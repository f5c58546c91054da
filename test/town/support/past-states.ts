/**
 * The platform's point-in-time recovery, of which workerd has none, for one town at a time: a test says which states are kept, and the
 * next start of the object finds in its tables what they held then. Alarm and directory stay as they are.
 */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { DEATH } from './cuts.ts';
import { lab } from './lab.ts';
import { through } from './statements.ts';
import type { TestTown } from './town.ts';

type Row = Record<string, SqlStorageValue>;
/** The rows of every table. */
export type Tables = ReadonlyMap<string, readonly Row[]>;

const named = (sql: SqlStorage, type: 'table' | 'trigger') =>
  sql
    .exec<{ name: string; text: string }>(
      `SELECT name, sql AS text FROM sqlite_master WHERE type = ? AND name NOT LIKE '\\_cf%' ESCAPE '\\'`,
      type,
    )
    .toArray();

export function dump(sql: SqlStorage): Tables {
  return new Map(named(sql, 'table').map(({ name }) => [name, sql.exec(`SELECT * FROM ${name}`).toArray()]));
}

/** The tables are as they were, whatever their triggers would make of it. */
export function putBack(sql: SqlStorage, tables: Tables): void {
  const triggers = named(sql, 'trigger');
  for (const { name } of triggers) sql.exec(`DROP TRIGGER ${name}`);
  for (const { name } of named(sql, 'table')) {
    sql.exec(`DELETE FROM ${name}`);
    for (const row of tables.get(name) ?? []) {
      const columns = Object.keys(row);
      const marks = columns.map(() => '?').join(', ');
      sql.exec(`INSERT INTO ${name} (${columns.join(', ')}) VALUES (${marks})`, ...Object.values(row));
    }
  }
  for (const { text } of triggers) sql.exec(text);
}

/** A bookmark, of which the later one is the greater text. */
export const bookmarkOf = (atMs: number): string => `0-${atMs.toString(16).padStart(16, '0')}`;

/** What the platform keeps of one town. */
class Past {
  readonly #states: { readonly bookmark: string; readonly tables: Tables }[] = [];
  #next: Tables | null = null;
  /** How often an object has ended itself. */
  ends = 0;

  /** Names the state as it is, and keeps it. */
  keep(sql: SqlStorage): string {
    const bookmark = bookmarkOf(lab.clock.now());
    this.#states.push({ bookmark, tables: dump(sql) });
    return bookmark;
  }

  /** A start of the object. */
  begin(sql: SqlStorage): void {
    if (this.#next !== null) putBack(sql, this.#next);
    this.#next = null;
  }

  goBack(bookmark: string): void {
    const state = this.#states.findLast((kept) => kept.bookmark <= bookmark);
    if (state === undefined) throw new Error(`no state is kept from ${bookmark}`);
    this.#next = state.tables;
  }
}

const pasts = new Map<string, Past>();

/** From here on the platform keeps states of this town. */
export async function givePast(town: TestTown): Promise<void> {
  pasts.set(town.id, new Past());
  await evictDurableObject(town.stub);
}

/** Keeps the state of the town as it is. */
export async function keepState(town: TestTown): Promise<void> {
  await runInDurableObject(town.stub, (_, { storage }) => pastOf(town).keep(storage.sql));
}

/** How often the town's object has ended itself. */
export const endsOf = (town: TestTown): number => pastOf(town).ends;

function pastOf(town: TestTown): Past {
  const past = pasts.get(town.id);
  if (past === undefined) throw new Error('the platform keeps nothing of this town');
  return past;
}

/** The context of an object that starts: with a past, where it was given one. */
export function withPast(ctx: DurableObjectState): DurableObjectState {
  const past = pasts.get(ctx.id.name ?? '');
  if (past === undefined) return ctx;
  past.begin(ctx.storage.sql);
  const storage = through(ctx.storage, {
    getCurrentBookmark: async () => past.keep(ctx.storage.sql),
    getBookmarkForTime: async (at: number | Date) => bookmarkOf(Number(at)),
    onNextSessionRestoreBookmark: async (bookmark: string) => {
      past.goBack(bookmark);
      return bookmark;
    },
  });
  const abort = () => {
    past.ends += 1;
    ctx.abort(DEATH);
  };
  return through(ctx, { storage, abort });
}
