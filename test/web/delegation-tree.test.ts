import { describe, expect, test } from 'vitest';
import type { Delegation } from '../../client/index.ts';
import { edgesOf, inTree } from '../../web/views/delegation-tree.ts';

let nth = 0;
const task = (id: string, parent: string | null, changes: Partial<Delegation> = {}): Delegation => ({
  id,
  from: 'ada',
  to: 'bob',
  parent,
  depth: 1,
  state: 'done',
  error: null,
  created_at: `2027-01-01T12:00:${String((nth += 1)).padStart(2, '0')}Z`,
  deadline_at: '2027-01-02T12:00:00Z',
  finished_at: null,
  announced_at: null,
  ...changes,
});

describe('delegations', () => {
  test('stand the newest first, each with its parts under it, also where the whole is not there', () => {
    const tasks = [
      task('a', null),
      task('a1', 'a'),
      task('a2', 'a'),
      task('b', null),
      task('c', 'gone'),
      task('a11', 'a1'),
    ];
    expect(inTree(tasks).map(({ id }) => id)).toEqual(['c', 'b', 'a', 'a2', 'a1', 'a11']);
  });

  test('are one arrow for each pair and way, in the tone of what needs a look most', () => {
    const edges = edgesOf([
      task('a', null),
      task('b', null, { state: 'failed' }),
      task('c', null, { from: 'bob', to: 'ada', state: 'open' }),
      task('d', null, { from: 'bob', to: 'ada', state: 'failed' }),
      task('e', null, { from: 'bob', to: 'carol' }),
    ]);
    expect(edges.map(({ from, to, count, tone }) => `${from} ${to} ${count} ${tone}`)).toEqual([
      'ada bob 2 bad',
      'bob ada 2 busy',
      'bob carol 1 good',
    ]);
  });
});
