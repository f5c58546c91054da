import { defineConfig } from 'vitest/config';

/** `npm run test:containers`: needs a Docker engine, so it is no part of `npm test`. */
export default defineConfig({
  test: {
    include: ['test/containers/**/*.test.ts'],
    reporters: ['default', './test/count-reporter.ts'],
    testTimeout: 240_000,
    hookTimeout: 180_000,
  },
});
