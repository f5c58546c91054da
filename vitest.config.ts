import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-pool-workers';
import { defineConfig } from 'vitest/config';

/** Far more than any test takes (ms): a bound on what hangs, also on a machine that is busy with other things. */
const PATIENCE = { testTimeout: 30_000, hookTimeout: 30_000 };

/** Two runtimes: `town` runs in workerd, everything else in Node. The slow end-to-end tests come last and one file at a time. */
export default defineConfig({
  test: {
    reporters: ['default', './test/count-reporter.ts'],
    coverage: {
      provider: 'istanbul',
      include: ['src/tokens/**', 'src/town/**', 'container/clients/**'],
      reporter: ['text'],
    },
    projects: [
      {
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/town/**', 'test/e2e/**'],
          ...PATIENCE,
        },
      },
      {
        plugins: [
          cloudflareTest(async () => ({
            main: './test/town/worker.ts',
            wrangler: { configPath: './wrangler.toml' },
            miniflare: { bindings: { TEST_MIGRATIONS: await readD1Migrations('migrations') } },
          })),
        ],
        test: {
          name: 'town',
          include: ['test/town/**/*.test.ts'],
          setupFiles: ['./test/town/support/setup.ts'],
          ...PATIENCE,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
