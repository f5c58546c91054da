import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Migration } from '../../src/lib/migrate.ts';
import { LINK_SCHEMA } from '../../src/link/session-store.ts';
import { TOWN_SCHEMA } from '../../src/town/state/schema.ts';
import { faultsOf } from '../support/additive.ts';
import { ROOT } from '../support/source.ts';

/** The migrations of the directory, as wrangler runs them. */
const DIRECTORY: readonly Migration[] = readdirSync(join(ROOT, 'migrations'))
  .toSorted()
  .map((id) => {
    const text = readFileSync(join(ROOT, 'migrations', id), 'utf8').replaceAll(/^--.*$/gm, '');
    // A trigger holds statements of its own.
    const statements = text.match(/\s*CREATE TRIGGER.*?\bEND(?=;)|[^;]*\w[^;]*/gs) ?? [];
    return { id, statements };
  });

const FIRST: Migration = {
  id: 'first',
  statements: [
    'CREATE TABLE jobs (id TEXT PRIMARY KEY, state TEXT NOT NULL, at_ms INTEGER) STRICT',
    'CREATE TABLE one (one INTEGER PRIMARY KEY CHECK (one = 1), name TEXT NOT NULL) STRICT',
    'CREATE INDEX jobs_by_age ON jobs (at_ms)',
    'CREATE UNIQUE INDEX one_by_name ON one (name)',
  ],
};
const faultsOfNext = (...statements: string[]) => faultsOf([FIRST, { id: 'next', statements }]);

describe('a schema that a release can be rolled back over', () => {
  test.each([
    ['a town', TOWN_SCHEMA],
    ['an AgentContainer', LINK_SCHEMA],
    ['the directory', DIRECTORY],
  ])('is that of %s: each of its steps is one that the release before it can live with', (_, steps) => {
    expect(steps.length).toBeGreaterThan(0);
    expect(faultsOf(steps)).toEqual([]);
  });

  test.each([
    ['a table', ['CREATE TABLE notes (id TEXT PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT']],
    ['a column that may be null', ['ALTER TABLE jobs ADD COLUMN due_at_ms INTEGER']],
    ['a column with a default', ["ALTER TABLE jobs ADD COLUMN kind TEXT NOT NULL DEFAULT ''"]],
    ['an index', ['CREATE INDEX jobs_by_state ON jobs (state)']],
    ['one index less, where it kept nothing apart', ['DROP INDEX jobs_by_age']],
    [
      'a unique index over what only the newer release writes',
      ['ALTER TABLE jobs ADD COLUMN key TEXT', 'CREATE UNIQUE INDEX by_key ON jobs (key) WHERE key IS NOT NULL'],
    ],
    [
      'values for a new column and rows for a new table',
      [
        'ALTER TABLE jobs ADD COLUMN size INTEGER NOT NULL DEFAULT 0',
        'UPDATE jobs SET size = length(state)',
        'CREATE TABLE counts (state TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT',
        'INSERT INTO counts SELECT state, COUNT(*) FROM jobs GROUP BY state',
      ],
    ],
    [
      'a table made anew that has all that it had',
      [
        'CREATE TABLE jobs_next (id TEXT PRIMARY KEY, state TEXT NOT NULL, at_ms INTEGER, size INTEGER) STRICT',
        'INSERT INTO jobs_next (id, state, at_ms) SELECT id, state, at_ms FROM jobs',
        'DROP TABLE jobs',
        'ALTER TABLE jobs_next RENAME TO jobs',
      ],
    ],
    [
      'a trigger that fills a new table',
      [
        'CREATE TABLE counts (state TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT',
        `CREATE TRIGGER counts_add AFTER INSERT ON jobs BEGIN
           INSERT INTO counts VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET n = n + 1;
         END`,
      ],
    ],
  ])('may get %s', (_, statements) => {
    expect(faultsOfNext(...statements)).toEqual([]);
  });

  test.each([
    ['a column that has to be given', ['ALTER TABLE jobs ADD COLUMN kind TEXT NOT NULL']],
    ['a column with a check', ["ALTER TABLE jobs ADD COLUMN kind TEXT DEFAULT 'a' CHECK (kind <> state)"]],
    ['another name for a column', ['ALTER TABLE jobs RENAME COLUMN state TO status']],
    ['another name for a table', ['ALTER TABLE jobs RENAME TO tasks']],
    ['one column less', ['ALTER TABLE jobs DROP COLUMN at_ms']],
    ['one table less', ['DROP TABLE one']],
    ['one unique index less', ['DROP INDEX one_by_name']],
    [
      'a table made anew without its rows',
      [
        'CREATE TABLE jobs_next (id TEXT PRIMARY KEY, state TEXT NOT NULL, at_ms INTEGER) STRICT',
        'DROP TABLE jobs',
        'ALTER TABLE jobs_next RENAME TO jobs',
      ],
    ],
    [
      'a table made anew without a column',
      [
        'CREATE TABLE jobs_next (id TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT',
        'INSERT INTO jobs_next (id, state) SELECT id, state FROM jobs',
        'DROP TABLE jobs',
        'ALTER TABLE jobs_next RENAME TO jobs',
      ],
    ],
    ['a unique index over columns that are there', ['CREATE UNIQUE INDEX by_state ON jobs (state)']],
    ['a unique index over a part of them', ['CREATE UNIQUE INDEX by_at ON jobs (state) WHERE at_ms IS NOT NULL']],
    ['other values in a column that is there', ["UPDATE jobs SET state = 'waiting'"]],
    ['fewer rows', ['DELETE FROM jobs']],
    ['rows in a table that is there', ["INSERT INTO jobs VALUES ('a', 'b', 1)"]],
    [
      'a trigger that refuses',
      ["CREATE TRIGGER jobs_check AFTER INSERT ON jobs BEGIN SELECT RAISE(ABORT, 'no') WHERE NEW.state = 'old'; END"],
    ],
    [
      'a trigger that writes where the older release reads',
      ["CREATE TRIGGER jobs_touch AFTER INSERT ON jobs BEGIN UPDATE one SET name = 'x'; END"],
    ],
    [
      'a trigger that its own table refuses',
      [
        'CREATE TABLE seen (state TEXT PRIMARY KEY) STRICT',
        'CREATE TRIGGER seen_add AFTER INSERT ON jobs BEGIN INSERT INTO seen VALUES (NEW.state); END',
      ],
    ],
  ])('does not get %s', (_, statements) => {
    expect(faultsOfNext(...statements)).not.toEqual([]);
  });
});
