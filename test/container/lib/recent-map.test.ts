import { expect, it } from 'vitest';
import { RecentMap } from '../../../container/lib/recent-map.ts';

it('keeps what was set last, up to its limit; setting again makes an entry the newest', () => {
  const map = new RecentMap<string, number>(2);
  map.set('a', 1);
  map.set('b', 2);
  map.set('a', 3);
  map.set('c', 4);
  expect([...map.entries()]).toEqual([
    ['a', 3],
    ['c', 4],
  ]);
  expect([map.has('b'), map.get('a'), map.size]).toEqual([false, 3, 2]);
  map.delete('a');
  expect(map.size).toBe(1);
});
