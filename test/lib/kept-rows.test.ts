import { describe, expect, test } from 'vitest';
import { KeptRows } from '#lib/kept-rows.ts';

/** Rows as they are read from a table, and how often that was. */
function table(rows: Record<string, number>) {
  let reads = 0;
  const read = (key: string) => (): number | null => {
    reads += 1;
    return rows[key] ?? null;
  };
  return { read, rows, reads: () => reads };
}

describe('kept rows', () => {
  test('are read once until they are written to', () => {
    const { read, rows, reads } = table({ a: 1 });
    const kept = new KeptRows<string, number>(10);
    expect([kept.get('a', read('a')), kept.get('a', read('a')), reads()]).toEqual([1, 1, 1]);
    rows['a'] = 2;
    kept.forget('a');
    expect([kept.get('a', read('a')), reads()]).toEqual([2, 2]);
  });

  test('know of no row that is not there, and of none whose reading failed', () => {
    const { read, rows } = table({});
    const kept = new KeptRows<string, number>(10);
    expect(kept.get('a', read('a'))).toBeNull();
    expect(() => kept.get('a', () => JSON.parse('{') as number)).toThrow(SyntaxError);
    rows['a'] = 3;
    expect(kept.get('a', read('a'))).toBe(3);
  });

  test('are all read again after a rollback, and never more than so many are kept', () => {
    const { read, reads } = table({ a: 1, b: 2, c: 3 });
    const kept = new KeptRows<string, number>(2);
    for (const key of ['a', 'b', 'c', 'a']) kept.get(key, read(key));
    // The third did not fit, so the first was read again.
    expect(reads()).toBe(4);
    kept.forgetAll();
    kept.get('a', read('a'));
    expect(reads()).toBe(5);
  });
});
