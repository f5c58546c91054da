import { describe, expect, test } from 'vitest';
import { isMigrated, migrate, type Migration } from '../../src/lib/migrate.ts';
import { objectStorage } from '../support/sqlite.ts';

const FIRST: Migration = {
  id: '0001-first',
  statements: ['CREATE TABLE a (n INTEGER) STRICT', 'INSERT INTO a VALUES (1)'],
};
const SECOND: Migration = { id: '0002-second', statements: ['CREATE TABLE b (n INTEGER) STRICT'] };
const BROKEN: Migration = { id: '0003-broken', statements: ['CREATE TABLE c (n INTEGER) STRICT', 'NOT SQL'] };

const tables = (storage: ReturnType<typeof objectStorage>) =>
  storage.sql
    .exec("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    .toArray()
    .map((row) => row['name']);

describe('the schema of an object', () => {
  test('is brought up to the list, each step once', () => {
    const storage = objectStorage();
    migrate(storage, [FIRST]);
    migrate(storage, [FIRST, SECOND]);
    migrate(storage, [FIRST, SECOND]);
    expect(tables(storage)).toEqual(['a', 'b', 'migrations']);
    expect(storage.sql.exec('SELECT n FROM a').toArray()).toHaveLength(1);
    expect(storage.sql.exec('SELECT id FROM migrations ORDER BY at').toArray()).toMatchObject([
      { id: '0001-first' },
      { id: '0002-second' },
    ]);
  });

  test('stays as it was where a step fails, and the next try starts from there', () => {
    const storage = objectStorage();
    migrate(storage, [FIRST]);
    expect(() => migrate(storage, [FIRST, SECOND, BROKEN])).toThrow();
    expect(tables(storage)).toEqual(['a', 'migrations']);
    migrate(storage, [FIRST, SECOND]);
    expect(tables(storage)).toEqual(['a', 'b', 'migrations']);
  });

  test('is refused where a stored step is not the one of the list: changed, removed or put in between', () => {
    const storage = objectStorage();
    migrate(storage, [FIRST, SECOND]);
    expect(() => migrate(storage, [FIRST])).toThrow('stored step 1 is 0002-second, expected none');
    expect(() => migrate(storage, [SECOND, FIRST])).toThrow('stored step 0 is 0001-first, expected 0002-second');
    expect(() => migrate(storage, [FIRST, BROKEN, SECOND])).toThrow('expected 0003-broken');
  });

  test('asking whether there is one writes nothing', () => {
    const storage = objectStorage();
    expect(isMigrated(storage.sql)).toBe(false);
    expect(tables(storage)).toEqual([]);
    migrate(storage, [FIRST]);
    expect(isMigrated(storage.sql)).toBe(true);
  });
});
