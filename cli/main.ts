/** The program `reeve`: the machine as the commands see it. */
import { createInterface } from 'node:readline/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { endingSignal } from '../scripts/ending.ts';
import { run } from './program.ts';
import type { World } from './world.ts';

const { env, stdin, stdout, stderr } = process;

const world: World = {
  env,
  stdin,
  stdout,
  stderr,
  ending: endingSignal(),
  nowMs: () => Date.now(),
  timeout: (ms) => AbortSignal.timeout(ms),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
  fetch: (address, init) => fetch(address, init),
  ask: async (question) => {
    const lines = createInterface({ input: stdin, output: stderr });
    try {
      return await lines.question(question, { signal: world.ending });
    } finally {
      lines.close();
    }
  },
};

process.exitCode = await run(process.argv.slice(2), world);
// A request under way must not keep the terminal; what is written is handed over first.
stdout.end(() => process.exit());
