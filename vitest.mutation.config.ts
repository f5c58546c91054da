import { defineConfig } from 'vitest/config';
import { MUTATED } from './stryker.config.ts';

/** `npm run mutation`: the tests that Stryker asks, one run of them for each change. */
export default defineConfig({
  test: {
    include: MUTATED.map((path) => `test/${path.replace(/^src\//, '').replace(/\.ts$/, '.test.ts')}`),
    // Stryker finds out which test reaches which change by what each file loads for itself.
    isolate: true,
    // What hangs is ended by Stryker, at a time that follows from how long the tests took before anything was broken.
    testTimeout: 60_000,
    expect: { poll: { timeout: 2_000, interval: 20 } },
  },
});
