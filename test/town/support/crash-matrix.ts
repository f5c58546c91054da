/** Makes the tests of the crash matrix: per verb, one for each side that dies. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { broken, record, strikesOf } from './matrix.ts';
import { SCENARIOS } from './scenarios.ts';
import type { Layer, Reached } from './weather.ts';

/**
 * The verbs of each test file, `crash-<part>.test.ts`: files of about the same length, so that they run side by side.
 * `ports.test.ts` holds that each verb stands in one, and that each file is there.
 */
export const CRASH_PARTS = {
  deliver: ['deliver', 'probe', 'force', 'force all'],
  hello: ['pull', 'hello'],
  refusal: ['refused', 'accepted'],
  restore: ['wake', 'restore'],
  start: ['start', 'start again', 'pardon', 'change', 'stop', 'revoke', 'retire', 'interrupt', 'cancel', 'withdraw'],
  sweep: ['sweep'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** Whose effects are cut, and what the test says of it. */
const SIDES: readonly { readonly claim: string; readonly layers: readonly Layer[] }[] = [
  { claim: 'survives a Town that dies, breaks or hangs at each of its effects', layers: ['town'] },
  { claim: 'survives an AgentContainer that dies or is not reached at each of its own', layers: ['call', 'object'] },
  {
    claim: 'survives a control server that dies and a network that loses or hangs at each request',
    layers: ['push', 'agent call'],
  },
];

/** Far more than the slowest verb takes, on a machine that is busy with other things. */
const TIMEOUT_MS = 300_000;

/** One line at the end tells how many cases each verb had. */
export function crashMatrix(part: keyof typeof CRASH_PARTS): void {
  const verbs: readonly string[] = CRASH_PARTS[part];
  const sizes: string[] = [];
  describe.each(SCENARIOS.filter(({ verb }) => verbs.includes(verb)))('$verb', (scenario) => {
    let trace: readonly Reached[] = [];
    beforeAll(async () => void (trace = await record(scenario)), TIMEOUT_MS);
    it.each(SIDES)(
      '$claim',
      async ({ layers }) => {
        const strikes = strikesOf(trace, layers);
        sizes.push(`${scenario.verb} ${layers.join('+')} ${strikes.length}`);
        expect(await broken(scenario, strikes)).toEqual([]);
      },
      TIMEOUT_MS,
    );
  });
  afterAll(() => {
    const total = sizes.reduce((sum, size) => sum + Number(size.split(' ').at(-1)), 0);
    // The size of a generated matrix is in no file: the reader of the run sees what it covered.
    // oxlint-disable-next-line no-console
    console.log(`crash matrix: ${total} cases (${sizes.join(', ')})`);
  });
}
