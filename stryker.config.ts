/**
 * `npm run mutation`: breaks what judges, keeps, swaps and ends credentials, in one small way at a time, and asks the tests whether
 * they see it. docs/proof.md has the result.
 */

/** Each is held by the test of the same path under `test`. What only a wider test sees counts as unseen. */
export const MUTATED = [
  'agent/credential.ts',
  'container/clients/agent-client.ts',
  'container/clients/cell.ts',
  'container/clients/half-life.ts',
  'container/clients/puller.ts',
  'container/clients/registry.ts',
  'container/clients/town-request.ts',
  'container/control/key-source.ts',
  'container/control/push-auth.ts',
  'container/control/sessions.ts',
  'container/control/town-clock.ts',
  'container/control/used-tokens.ts',
  'container/credentials/credential-file.ts',
  'src/lib/backoff.ts',
  'src/link/handshake.ts',
  'src/link/renewal-rule.ts',
  'src/roster/agent.ts',
  'src/tokens/exchange-policy.ts',
  'src/tokens/key-edit.ts',
  'src/tokens/key-ring.ts',
  'src/tokens/key-set.ts',
  'src/tokens/mint.ts',
  'src/tokens/refresh-policy.ts',
  'src/tokens/verified-tokens.ts',
  'src/tokens/verify.ts',
  'src/town/agents/restart-plan.ts',
  'src/town/containers/lift-plan.ts',
  'src/town/containers/liveness-plan.ts',
  'src/town/state/alarm-plan.ts',
  'src/town/state/flights.ts',
  'src/town/state/slots.ts',
  'src/town/state/unmoved-due.ts',
];

export default {
  mutate: MUTATED,
  testRunner: 'vitest',
  plugins: ['@stryker-mutator/vitest-runner'],
  // Processes, because a test sets a umask, which a thread has not.
  vitest: { configFile: 'vitest.mutation.config.ts', pool: 'forks' },
  // What runs while a module loads cannot be broken for one test and whole for the next.
  ignoreStatic: true,
  timeoutMS: 10_000,
  concurrency: 2,
  reporters: ['clear-text', 'progress-append-only', 'html', 'json'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  htmlReporter: { fileName: 'dist/mutation/report.html' },
  jsonReporter: { fileName: 'dist/mutation/report.json' },
  incrementalFile: 'dist/mutation/incremental.json',
  tempDirName: 'dist/mutation/sandbox',
  ignorePatterns: ['dist', 'coverage', 'assets', 'docs/images'],
  // The compiler has no API by which the paths in a tsconfig could be changed; none of them leads out of the copy.
  tsconfigFile: 'none',
};
