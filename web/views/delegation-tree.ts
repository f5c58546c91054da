/** Delegations as a graph and as a list are seen: pure, so that a test can say what is drawn. */
import type { Delegation } from '../../client/index.ts';
import type { Tone } from '../parts/status.tsx';

/** All tasks that one agent handed to another. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly count: number;
  readonly tone: Tone;
}

/** One arrow for all tasks of a pair, in the tone of what needs a look most. */
export function edgesOf(delegations: readonly Delegation[]): Edge[] {
  const pairs = Map.groupBy(delegations, ({ from, to }) => `${from} ${to}`);
  return [...pairs.values()].flatMap((tasks) => {
    const [first] = tasks;
    if (first === undefined) return [];
    const states = new Set(tasks.map(({ state }) => state));
    const tone = states.has('open') ? 'busy' : states.has('failed') || states.has('expired') ? 'bad' : 'good';
    return [{ from: first.from, to: first.to, count: tasks.length, tone }];
  });
}

/** The newest first, each followed by the parts of it. One whose whole is not here stands for itself. */
export function inTree(delegations: readonly Delegation[]): Delegation[] {
  const ids = new Set(delegations.map(({ id }) => id));
  const under = Map.groupBy(delegations, ({ parent }) => (parent !== null && ids.has(parent) ? parent : ''));
  const from = (parent: string): Delegation[] =>
    (under.get(parent) ?? [])
      .toSorted((one, other) => other.created_at.localeCompare(one.created_at))
      .flatMap((delegation) => [delegation, ...from(delegation.id)]);
  return from('');
}
