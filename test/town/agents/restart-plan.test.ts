import { expect, test } from 'vitest';
import { restartWaitMs } from '../../../src/town/agents/restart-plan.ts';

test('an agent without a finished turn is started again at once, after 30 s, 1, 2, 5 and 10 minutes, and then given up', () => {
  const waits = Array.from({ length: 8 }, (_, restarts) => restartWaitMs(restarts));
  expect(waits).toEqual([0, 30_000, 60_000, 120_000, 300_000, 600_000, null, null]);
});
