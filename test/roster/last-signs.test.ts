import { expect, test } from 'vitest';
import { LastSigns } from '../../src/roster/last-signs.ts';
import { agentId } from '../support/ids.ts';

const signs = (lastHeardAtMs: number) => ({ lastHeardAtMs, progressAtMs: null });

test('of a thousand agents the signs are kept; the next one takes the place of the one that was silent for longest', () => {
  const last = new LastSigns();
  for (let nth = 1; nth <= 1000; nth += 1) last.record(agentId(nth), signs(nth));
  last.record(agentId(1), signs(1001));
  expect([last.has(agentId(1)), last.has(agentId(2))]).toEqual([true, true]);
  last.record(agentId(1001), signs(1002));
  expect([1, 2, 3, 1001].map((nth) => last.has(agentId(nth)))).toEqual([true, false, true, true]);
});
