import { describe, expect, test } from 'vitest';
import { isMigrated, migrate, stepsAhead, type Migration } from '../../src/lib/migrate.ts';
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

  test('that is new is made at once where that is given, with the steps as run, and one that has a step goes through the others', () => {
    const whole = ['CREATE TABLE whole (n INTEGER) STRICT'];
    const made = objectStorage();
    migrate(made, [FIRST, SECOND], whole);
    migrate(made, [FIRST, SECOND], whole);
    expect(tables(made)).toEqual(['migrations', 'whole']);
    expect(stepsAhead(made.sql, [])).toEqual(['0001-first', '0002-second']);
    const older = objectStorage();
    migrate(older, [FIRST]);
    migrate(older, [FIRST, SECOND], whole);
    expect(tables(older)).toEqual(['a', 'b', 'migrations']);
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
    expect(() => migrate(storage, [SECOND, FIRST])).toThrow('stored step 0 is 0001-first, expected 0002-second');
    expect(() => migrate(storage, [SECOND])).toThrow('stored step 0 is 0001-first, expected 0002-second');
    expect(() => migrate(storage, [FIRST, BROKEN])).toThrow('stored step 1 is 0002-second, expected 0003-broken');
    expect(() => migrate(storage, [FIRST, BROKEN, SECOND])).toThrow('expected 0003-broken');
    expect(tables(storage)).toEqual(['a', 'b', 'migrations']);
  });

  test('that a newer release has brought further is worked with as far as it is known, and nothing of it is lost', () => {
    const storage = objectStorage();
    expect(migrate(storage, [FIRST, SECOND])).toEqual([]);
    expect(stepsAhead(storage.sql, [FIRST, SECOND])).toEqual([]);
    expect(migrate(storage, [FIRST])).toEqual(['0002-second']);
    expect(stepsAhead(storage.sql, [FIRST])).toEqual(['0002-second']);
    storage.sql.exec('INSERT INTO a VALUES (2)');
    expect(migrate(storage, [FIRST, SECOND])).toEqual([]);
    expect(storage.sql.exec('SELECT n FROM a').toArray()).toEqual([{ n: 1 }, { n: 2 }]);
    expect(storage.sql.exec('SELECT id FROM migrations').toArray()).toHaveLength(2);
  });

  test('asking whether there is one writes nothing', () => {
    const storage = objectStorage();
    expect(isMigrated(storage.sql)).toBe(false);
    expect(tables(storage)).toEqual([]);
    migrate(storage, [FIRST]);
    expect(isMigrated(storage.sql)).toBe(true);
  });
});
