/**
 * A directory of many towns: no query looks at more of them than it answers with, or than its span. `REEVE_SCALE=full` asks for 100,000
 * and for a million of them, and prints how long each takes; docs/scale.md reports it.
 */
import { expect, test } from 'vitest';
import { ApiKeyStore } from '../../src/directory/api-key-store.ts';
import { Directory } from '../../src/directory/directory-store.ts';
import { FiguresStore } from '../../src/directory/figures-store.ts';
import { SignInLinkStore } from '../../src/directory/sign-in-link-store.ts';
import { makeId } from '#protocol';
import { townId } from '../support/ids.ts';
import { directoryDatabase } from '../support/sqlite.ts';

const COUNTS = process.env['REEVE_SCALE'] === 'full' ? [100_000, 1_000_000] : [2000];
const NOW_MS = 4_102_444_800_000;
const TOWNS_PER_PERSON = 10;
const RUNS = 20;
const CHUNK = 1000;
/** As long as the figures of a town at work: some 1,500 characters of JSON. */
const FIGURES = JSON.stringify(Object.fromEntries(Array.from({ length: 55 }, (_, nth) => [`figure_${nth}`, NOW_MS])));

/** A directory whose statements are noted. Every tenth town has something to do, each a minute later than the one before. */
async function directoryOf(count: number) {
  const database = directoryDatabase();
  for (let from = 0; from < count; from += CHUNK) {
    const towns = Array.from({ length: Math.min(CHUNK, count - from) }, (_, at) => {
      const nth = from + at;
      const person = `p${nth % Math.ceil(count / TOWNS_PER_PERSON)}`;
      return [townId(nth), `town ${nth}`, person, nth % 10 === 0 ? NOW_MS + nth * 60_000 : null];
    });
    const list = JSON.stringify(towns);
    const insert = `INSERT INTO towns (id, name, owner, created_at_ms, next_due_at_ms)
      SELECT value ->> 0, value ->> 1, value ->> 2, 1, value ->> 3 FROM json_each(?)`;
    await database.prepare(insert).bind(list).run();
    const say = 'INSERT INTO town_figures (town, at_ms, figures) SELECT value ->> 0, 1, ? FROM json_each(?)';
    await database.prepare(say).bind(FIGURES, list).run();
  }
  const queries = new Set<string>();
  const noted = { ...database, prepare: (query: string) => (queries.add(query), database.prepare(query)) };
  return { database, queries, noted };
}

type Noted = Awaited<ReturnType<typeof directoryOf>>['noted'];

/** Everything that is asked of a directory, about the town in the middle of it and about one person. */
function asked(noted: Noted, count: number): Readonly<Record<string, () => Promise<unknown>>> {
  const directory = new Directory(noted);
  const figures = new FiguresStore(noted);
  const keys = new ApiKeyStore(noted);
  const links = new SignInLinkStore(noted);
  const middle = townId(count / 2);
  const page = Array.from({ length: 500 }, (_, at) => townId(count / 2 + at));
  const member = { person: 'p1', role: 'owner', sinceMs: 1, addedBy: null } as const;
  let nth = 0;
  const key = () => {
    const made = { person: 'p1', name: 'k', scope: 'admin', digest: 'd', createdAtMs: 1, expiresAtMs: NOW_MS } as const;
    return {
      ...made,
      id: makeId('key', Uint8Array.of(...new Uint8Array(19), (nth += 1))),
      revokedAtMs: null,
      parent: null,
    };
  };
  const link = () => {
    const made = { person: 'p1', scope: 'admin', parent: null, endsAtMs: null, expiresAtMs: NOW_MS } as const;
    return { ...made, digest: `d${(nth += 1)}` };
  };
  return {
    'watchdog, a span': () => directory.overdueIn(middle, 5000, NOW_MS),
    'metrics, a page': () => directory.pageOfWatched(middle, 500),
    'metrics, its figures': () => figures.ofTowns(page),
    'hello, a page': () => directory.pageOfIds(middle, 100),
    'towns of a person': () => directory.listOf('p1', '', 100),
    'their towns of a name': () => directory.named('p1', 'town 1', 2),
    'a town': () => directory.findWatched(middle),
    'a town of a person': () => directory.findFor('p1', middle),
    'a restore': () => directory.restoreMark(middle),
    'when a town is due': () => directory.plan(middle, NOW_MS),
    'what a town says': () => figures.publish(middle, { atMs: NOW_MS, figures: {} }),
    'members of a town': () => directory.publishMembers(middle, 1, [member]),
    'mark to restore': () => directory.markRestore(middle, NOW_MS, 'bookmark'),
    'mark as deleted': () => directory.markDeleted(middle, NOW_MS),
    'remove a town': () => directory.remove(middle),
    'make a town': () => directory.create({ id: middle, name: 'new', owner: 'p1', createdAtMs: 1 }),
    'make a key': () => keys.add(key(), 100),
    'a key': () => keys.get(key().id),
    'keys of a person': () => keys.listOf('p1', '', 100),
    'revoke a key': () => keys.revoke('p1', key().id, NOW_MS),
    'make a link': () => links.add(link(), 10, 1),
    'use a link': () => links.take('d1', 1),
  };
}

/** What of a plan grows with the directory: a table that is looked at from end to end, or rows of one that are sorted. */
const grows = (detail: string, query: string): boolean =>
  /^SCAN (towns|memberships|town_figures|api_keys|sign_in_links)\b/.test(detail) ||
  (detail.startsWith('USE TEMP B-TREE') && !query.includes('json_each'));

test.each(COUNTS)(
  'no query of a directory of %i towns scans a table or sorts what no index sorts',
  async (count) => {
    const { database, queries, noted } = await directoryOf(count);
    const times: Record<string, string> = {};
    for (const [what, ask] of Object.entries(asked(noted, count))) {
      await ask();
      const from = performance.now();
      for (let run = 0; run < RUNS; run += 1) await ask();
      times[what] = `${((performance.now() - from) / RUNS).toFixed(2)} ms`;
    }
    const slow: string[] = [];
    for (const query of queries) {
      const { results } = await database.prepare(`EXPLAIN QUERY PLAN ${query}`).all();
      const details = results.map(({ detail }) => String(detail)).filter((detail) => grows(detail, query));
      slow.push(...details.map((detail) => `${detail}: ${query}`));
    }
    expect(queries.size).toBeGreaterThan(20);
    expect(slow).toEqual([]);
    if (COUNTS.length === 1) return;
    const size = await database
      .prepare('SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size')
      .first();
    // oxlint-disable-next-line no-console
    console.log(count, size, times);
  },
  10 * 60_000,
);
