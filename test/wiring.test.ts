import { describe, expect, test } from 'vitest';
import type { Env } from '../src/bindings.ts';
import { wireTown } from '../src/wiring.ts';
import { loopbackBindings } from './support/bindings.ts';
import { townId } from './support/ids.ts';
import { makeIssuer } from './support/issuer.ts';
import { directoryDatabase } from './support/sqlite.ts';

const SWEEP = { due: 5, ok: 2, failed: 1, skipped: 2, results: [], startedAtMs: 1000, finishedAtMs: 1250 };

/** A Town's wiring on bindings of this machine; only what a test plays is there. */
async function wired(own: Partial<Env>) {
  const { keys } = await makeIssuer();
  const variables = loopbackBindings({ SIGNING_KEYS: JSON.stringify(keys) });
  const wiring = wireTown({ ...variables, DIRECTORY: directoryDatabase(), ...own } as unknown as Env);
  if (wiring === null) throw new Error('the configuration is good');
  return wiring;
}

describe('a sweep of a town', () => {
  test('is a point of Workers Analytics Engine where a dataset is bound, in the order that docs/monitoring.md has', async () => {
    const points: unknown[] = [];
    const SWEEPS = { writeDataPoint: (point: unknown) => void points.push(point) };
    (await wired({ SWEEPS })).pointSweep(townId(1), SWEEP);
    expect(points).toEqual([{ indexes: [townId(1)], doubles: [5, 2, 1, 2, 250] }]);
  });

  test('is none where no dataset is bound', async () => {
    const wiring = await wired({});
    expect(() => wiring.pointSweep(townId(1), SWEEP)).not.toThrow();
  });
});
