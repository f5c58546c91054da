import { expect, test } from 'vitest';
import { MAX_AGENTS_PER_TOWN } from '#protocol';
import { LastSigns } from '../../src/roster/last-signs.ts';
import { agentId } from '../support/ids.ts';

const signs = (lastHeardAtMs: number) => ({ lastHeardAtMs, progressAtMs: null });

test('of twice as many agents as live in a town the signs are kept; the next one takes the place of the one that was silent for longest', () => {
  const last = new LastSigns();
  const most = 2 * MAX_AGENTS_PER_TOWN;
  for (let nth = 1; nth <= most; nth += 1) last.record(agentId(nth), signs(nth));
  last.record(agentId(1), signs(most + 1));
  expect([last.has(agentId(1)), last.has(agentId(2))]).toEqual([true, true]);
  last.record(agentId(most + 1), signs(most + 2));
  expect([1, 2, 3, most + 1].map((nth) => last.has(agentId(nth)))).toEqual([true, false, true, true]);
});
