/** What holds of messages for every order of events. A run that fails prints its seed and the shortest counterexample. */
import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { lab } from '../support/lab.ts';
import { OutboxRun, anOutboxStep } from '../support/outbox-run.ts';

/** Room for a busy machine; the runs take seconds. */
const TIME = { timeout: 180_000 };

/** Always the same orders, so that a failure can be repeated. */
const RUNS = { seed: 20_270_102, numRuns: 30, timeout: 30_000, interruptAfterTimeLimit: 150_000 } as const;

describe('the outbox', TIME, () => {
  it('K-08, T5, T12: in every order of sends, losses, crashes, evictions, stops, hangs and moves the alarm comes to rest, and each accepted message ends once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anOutboxStep, { minLength: 4, maxLength: 16, size: 'max' }), async (steps) => {
        try {
          const run = await OutboxRun.create();
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
