/** What holds of messages for every order of events. A run that fails prints its seed and the shortest counterexample. */
import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import { lab } from '../support/lab.ts';
import { OutboxRun, anOutboxStep, someMeetings, type OutboxStep } from '../support/outbox-run.ts';

/** Room for a busy machine; the runs take seconds. */
const TIME = { timeout: 180_000 };

const RUNS = { timeout: 30_000, interruptAfterTimeLimit: 150_000, markInterruptAsFailure: true } as const;

/** Always the same orders, so that a failure can be repeated. */
function holds(orders: fc.Arbitrary<OutboxStep[]>, which: { readonly seed: number; readonly numRuns: number }) {
  const property = fc.asyncProperty(orders, async (steps) => {
    try {
      const run = await OutboxRun.create();
      await run.take(steps);
      await run.end();
    } finally {
      await lab.end();
    }
  });
  return fc.assert(property, { ...RUNS, ...which });
}

describe('the outbox', TIME, () => {
  it('K-08, T5, T12: in every order of sends, losses, crashes, evictions, stops, hangs and moves the alarm comes to rest, and each accepted message ends once and in order', () =>
    holds(fc.array(anOutboxStep, { minLength: 4, maxLength: 16, size: 'max' }), { seed: 20_270_102, numRuns: 30 }));

  it('K-08, T12: turns begin and end in order where the answers that tell of them are lost, slow or overtaken, and no report does', () =>
    holds(someMeetings, { seed: 5, numRuns: 8 }));
});
