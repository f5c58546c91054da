import { expect, test } from 'vitest';
import { countWrites } from '../../../src/town/state/due-store.ts';

test('a statement that may write counts, one that only reads does not, and each is run as it is', () => {
  const ran: unknown[][] = [];
  const { sql, writes } = countWrites({
    exec: (query: string, ...bindings: unknown[]) => ran.push([query, ...bindings]),
  });
  sql.exec('SELECT 1');
  expect(writes()).toBe(0);
  sql.exec('UPDATE agents SET inc = ?', 2);
  sql.exec('WITH old AS (SELECT 1) DELETE FROM events');
  sql.exec('  insert into mail values (1)');
  expect(writes()).toBe(3);
  expect(ran).toEqual([
    ['SELECT 1'],
    ['UPDATE agents SET inc = ?', 2],
    ['WITH old AS (SELECT 1) DELETE FROM events'],
    ['  insert into mail values (1)'],
  ]);
});
