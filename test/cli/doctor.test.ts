/** The doctor before a deployment that is well, and before some that are not. */
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { DEV_TOKEN } from '../support/bindings.ts';
import { json, signedIn } from './support/signed-in.ts';

/** Of the Worker's clock to that of this machine. */
let offsetMs = 0;
const { port, reeve, shell, close } = await signedIn({}, { now: () => Date.now() + offsetMs });

afterAll(close);

describe('reeve doctor', () => {
  test('finds nothing to mend where all is well, in one line for each thing that it looks at', async () => {
    const { stdout } = await shell.run(['doctor', '-o', 'jsonl']);
    const found = stdout.trim().split('\n').map(json) as { check: string; status: string }[];
    expect(found.map(({ check, status }) => `${check} ${status}`)).toEqual([
      'address ok',
      'health ok',
      'clock ok',
      'discovery ok',
      'keys ok',
      'sign-in ok',
      'town ok',
    ]);
  });

  test('finds an address that is not the one that tokens name, and says what to set', async () => {
    const other = reeve.openShell();
    await other.run(['login', '--url', `http://localhost:${port}`], { stdin: DEV_TOKEN });
    const { code, stdout } = await other.run(['doctor']);
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^fail {2}discovery .*\n +Set PUBLIC_URL/m)]);
  });

  test.each([
    [120_000, 'fail  clock       this machine is 120 s behind the Worker'],
    [-120_000, 'fail  clock       this machine is 120 s ahead of the Worker'],
  ])(
    'finds a clock that is off by the one of the Worker (%i ms), whatever the date of the answer is',
    async (ms, line) => {
      offsetMs = ms;
      onTestFinished(() => void (offsetMs = 0));
      const { code, stdout } = await shell.run(['doctor']);
      expect([code, stdout]).toEqual([1, expect.stringMatching(new RegExp(`^${line}$`, 'm'))]);
    },
  );
});
