/** What holds in a town for every order of events. A run that fails prints its seed and the shortest counterexample. */
import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { lab } from './support/lab.ts';
import { TownRun, aTownStep, someNames } from './support/town-run.ts';

/** Room for a busy machine; the runs take seconds. */
const TIME = { timeout: 180_000 };

/** Always the same orders, so that a failure can be repeated. */
const RUNS = { seed: 20_270_101, numRuns: 60, timeout: 20_000, interruptAfterTimeLimit: 150_000 } as const;

describe('a town', TIME, () => {
  it('T1, T2, T5, T9: keeps its promises in every order of mints, pushes, pulls, starts, stops, teardowns and deaths', async () => {
    await fc.assert(
      fc.asyncProperty(someNames, fc.array(aTownStep, { maxLength: 14, size: 'max' }), async (names, steps) => {
        try {
          const run = await TownRun.create(names);
          await run.take(steps);
          await run.end();
        } finally {
          await lab.end();
        }
      }),
      { ...RUNS, markInterruptAsFailure: true },
    );
  });
});
