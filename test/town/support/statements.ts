/** What towns ask of their database: every statement of theirs, how SQLite means to answer it, and what one act costs. */
import { env, runInDurableObject } from 'cloudflare:test';
import { migrate } from '../../../src/lib/migrate.ts';
import { townId } from '../../support/ids.ts';
import { TOWN_SCHEMA } from '../../../src/town/state/schema.ts';

/** Tables whose rows are few whatever a town does: one, one for each container, or the last so many. */
const SMALL = [
  'town',
  'members',
  'containers',
  'sweeps',
  'ledger_size',
  'migrations',
  'tickets',
  'failures',
  'webhooks',
  'sqlite_master',
];
/** Partial indexes whose whole point is that they hold only what is open: to read one from end to end reads nothing else. */
const OPEN = ['agents_by_container', 'agents_live', 'agents_at_work', 'messages_open'];

/** Rows of the database that something read and wrote; an entry of an index that changes counts as one that was written. */
export interface Cost {
  readonly read: number;
  readonly written: number;
  /** How often an alarm was set, each of which is billed as a row. */
  readonly alarmsSet: number;
  /** Every statement, in order. */
  readonly queries: readonly string[];
  /** The statement that read most. */
  readonly dearest: { readonly query: string; readonly read: number };
}

interface Statement {
  readonly query: string;
  readonly cursor: { readonly rowsRead: number; readonly rowsWritten: number };
}

/** Number of bindings by statement: of all towns of this isolate, since the last look at their plans. */
const seen = new Map<string, number>();
let counting: Statement[] | null = null;
let alarmsSet = 0;

/** The context of a Town as its ports see it: each statement is recorded on its way. */
export function recorded(ctx: DurableObjectState): DurableObjectState {
  const { sql } = ctx.storage;
  const exec = <T extends Record<string, SqlStorageValue>>(query: string, ...bindings: SqlStorageValue[]) => {
    seen.set(query, bindings.length);
    const cursor = sql.exec<T>(query, ...bindings);
    counting?.push({ query, cursor });
    return cursor;
  };
  const setAlarm = (at: number | Date): Promise<void> => {
    alarmsSet += 1;
    return ctx.storage.setAlarm(at);
  };
  const storage = through(ctx.storage, { sql: through(sql, { exec }), setAlarm });
  return through(ctx, { storage });
}

/** The same object but for some members; methods of the platform are called on their own object. */
export function through<T extends object>(target: T, own: Partial<T>): T {
  return new Proxy(target, {
    get: (_, key): unknown => {
      const value: unknown = key in own ? Reflect.get(own, key) : Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]): unknown => Reflect.apply(value, target, given);
    },
  });
}

/** What all towns together read and write in `act`. */
export async function costOf(act: () => Promise<unknown>): Promise<Cost> {
  counting = [];
  const setBefore = alarmsSet;
  await act();
  const costs = counting.map(({ query, cursor: { rowsRead: read, rowsWritten: written } }) => ({
    query,
    read,
    written,
  }));
  counting = null;
  return {
    read: costs.reduce((sum, { read }) => sum + read, 0),
    written: costs.reduce((sum, { written }) => sum + written, 0),
    alarmsSet: alarmsSet - setBefore,
    queries: costs.map(({ query }) => query),
    dearest: costs.reduce((most, one) => (one.read > most.read ? one : most), { query: '', read: 0 }),
  };
}

/** Of the statements seen since the last call: those that look at every row of a table that grows, or sort what no index sorts. */
export async function slowStatements(): Promise<string[]> {
  const statements = [...seen];
  seen.clear();
  return runInDurableObject(env.TOWN.getByName(townId(31_999_999)), (_, { storage }) => {
    migrate(storage, TOWN_SCHEMA);
    return statements.flatMap(([query, bindings]) => {
      if (!/^\s*(SELECT|UPDATE|DELETE|INSERT)/.test(query)) return [];
      const nulls = Array.from({ length: bindings }, () => null);
      const plan = storage.sql.exec<{ detail: string }>(`EXPLAIN QUERY PLAN ${query}`, ...nulls).toArray();
      const slow = plan.map(({ detail }) => detail).filter((detail) => isSlow(detail, query));
      return slow.map((detail) => `${detail}: ${query.replaceAll(/\s+/g, ' ').trim()}`);
    });
  });
}

function isSlow(detail: string, query: string): boolean {
  const tables = [...query.matchAll(/\b(?:FROM|INTO|UPDATE)\s+(\w+)/g)].map(([, table]) => table ?? '');
  if (tables.every((table) => SMALL.includes(table))) return false;
  if (detail.startsWith('USE TEMP B-TREE')) return true;
  const scan = /^SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?/.exec(detail);
  return scan !== null && !SMALL.includes(scan[1] ?? '') && !OPEN.includes(scan[2] ?? '');
}
