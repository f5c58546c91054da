import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-pool-workers';
import { existsSync, statfsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { COMPILE_CACHE } from './scripts/programs.ts';
import LongestFirst from './test/longest-first.ts';
import { runtimeCpuSeconds } from './test/e2e/support/crash-worker.ts';
import { PATIENT } from './test/support/patient.ts';

/** Far more than any test takes (ms): a bound on what hangs, also on a machine that is busy with other things. */
const PATIENCE = { testTimeout: 120_000, hookTimeout: 120_000, expect: { poll: PATIENT } };

/** Where a town commits, it waits for its disk: the files of the tests lie in memory, where a machine has enough for them there. */
const IN_MEMORY = '/dev/shm';
const SCRATCH_BYTES = 2 * 1024 ** 3;
if (process.env['TMPDIR'] === undefined && freeBytes(IN_MEMORY) > SCRATCH_BYTES) process.env['TMPDIR'] = IN_MEMORY;

/** The tests start several hundred programs. */
process.env['NODE_COMPILE_CACHE'] ??= COMPILE_CACHE;

function freeBytes(folder: string): number {
  if (!existsSync(folder)) return 0;
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** Files side by side: two more than two cores, because some of them wait for a real stack, and each for its own timers. */
const WORKERS = Math.max(4, availableParallelism());

/**
 * Limits of the platform count in real time, of which a minute may be weeks in the tests of towns. Each replaces that of its name in
 * wrangler.toml, since none can be taken away here; test/http/edge/rates.test.ts shows what they do.
 */
const NO_LIMIT = { namespace_id: '1000', simple: { limit: 1_000_000_000, period: 60 } } as const;

/** Two runtimes: `town` runs in workerd, everything else in Node. The end-to-end tests run real stacks, each on ports of its own. */
export default defineConfig({
  test: {
    reporters: ['default', './test/progress-reporter.ts', './test/count-reporter.ts'],
    maxWorkers: WORKERS,
    sequence: { sequencer: LongestFirst },
    coverage: {
      provider: 'istanbul',
      // A test that fails reaches what it reaches.
      reportOnFailure: true,
      // Not what the tests run elsewhere: `web` in a browser, `cli` in processes of its own.
      include: ['{src,container,client,agent}/**/*.ts'],
      exclude: ['client/api-types.ts'],
      reporter: [['text', { skipFull: true }], 'text-summary', 'json-summary'],
    },
    projects: [
      {
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/town/**', 'test/e2e/**', 'test/browser/**', 'test/containers/**'],
          isolate: false,
          ...PATIENCE,
        },
      },
      {
        plugins: [
          cloudflareTest(async () => ({
            main: './test/town/worker.ts',
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              bindings: {
                TEST_MIGRATIONS: await readD1Migrations('migrations'),
                // `full`: the tests of test/town/scale in their whole size, which docs/scale.md reports.
                SCALE: process.env['REEVE_SCALE'] ?? '',
                // `full`: every hostile request to every route.
                HOSTILE: process.env['REEVE_HOSTILE'] ?? '',
              },
              serviceBindings: { CPU_SECONDS: () => new Response(String(runtimeCpuSeconds())) },
              ratelimits: { PERSON_RATE: NO_LIMIT, AGENT_RATE: NO_LIMIT, BAD_SIGN_IN_RATE: NO_LIMIT },
            },
          })),
        ],
        test: {
          name: 'town',
          include: ['test/town/**/*.test.ts'],
          setupFiles: ['./test/town/support/setup.ts'],
          isolate: false,
          ...PATIENCE,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/{e2e,browser}/**/*.test.ts'],
          globalSetup: ['./test/e2e/support/migrated.ts'],
          ...PATIENCE,
        },
      },
    ],
  },
});
