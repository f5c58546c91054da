import { describe, expect, test, vi } from 'vitest';
import { watchTowns } from '../../src/http/watchdog.ts';
import { Directory } from '../../src/directory/directory-store.ts';
import type { TownId } from '#protocol';
import { makeScene, type EdgeScene } from '../support/fake-edge.ts';
import { FakeTownObject } from '../support/fake-town-object.ts';
import { townId } from '../support/ids.ts';
import { NOW_MS } from '../support/issuer.ts';
import { directoryDatabase } from '../support/sqlite.ts';

const MINUTE_MS = 60_000;
/** Few, so that a small directory has several. */
const SPAN = 100;
const LONG_AGO_MS = NOW_MS - 60 * MINUTE_MS;

/** A directory of `count` towns with nothing to do; `due` says when some of them have. */
async function sceneOf(count: number, due: Readonly<Record<number, number>> = {}) {
  const scene = await makeScene();
  const directory = new Directory(directoryDatabase());
  for (let nth = 1; nth <= count; nth += 1) {
    await directory.create({ id: townId(nth), name: `t${nth}`, owner: 'ann', createdAtMs: 1 });
    await directory.plan(townId(nth), due[nth] ?? null);
  }
  return { ...scene, edge: { ...scene.edge, directory } };
}

const woken = ({ calls }: Pick<EdgeScene, 'calls'>): string[] =>
  calls.filter(({ method }) => method === 'watch').map(({ town }) => town);

describe('the watchdog', () => {
  test('A-02: looks at every page by key, wakes the towns that are overdue by ten minutes, and touches no other', async () => {
    const scene = await sceneOf(250, {
      3: NOW_MS - 10 * MINUTE_MS,
      4: NOW_MS - 10 * MINUTE_MS + 1,
      100: LONG_AGO_MS,
      101: NOW_MS + MINUTE_MS,
      250: LONG_AGO_MS,
    });
    expect(await watchTowns(scene.edge, SPAN)).toEqual({ looked: 250, overdue: 3, woken: 3, failed: 0 });
    expect(woken(scene).toSorted()).toEqual([3, 100, 250].map((nth) => townId(nth)));
    expect(scene.calls).toHaveLength(3);
    expect(scene.calls[0]?.given).toEqual([{ name: 't3', owner: 'ann', nextDueAtMs: NOW_MS - 10 * MINUTE_MS }]);
    expect(scene.log).toEqual([
      { level: 'info', event: 'watchdog.done', fields: { looked: 250, overdue: 3, woken: 3, failed: 0 } },
    ]);
  });

  test('goes on with the end of a town that was deleted ten minutes ago', async () => {
    const scene = await sceneOf(3);
    await scene.edge.directory.markDeleted(townId(2), LONG_AGO_MS);
    await scene.edge.directory.markDeleted(townId(3), NOW_MS - MINUTE_MS);
    expect(await watchTowns(scene.edge, SPAN)).toEqual({ looked: 3, overdue: 1, woken: 1, failed: 0 });
    expect(scene.calls).toEqual([{ town: townId(2), method: 'remove', given: [] }]);
  });

  test('a directory that fills its last page ends there', async () => {
    expect(await watchTowns((await sceneOf(200)).edge, SPAN)).toMatchObject({ looked: 200 });
    expect(await watchTowns((await sceneOf(0)).edge, SPAN)).toMatchObject({ looked: 0, failed: 0 });
  });

  test('A-02: a town that comes while the pages are read is not skipped, nor one behind a town that goes', async () => {
    const scene = await sceneOf(150, { 1: LONG_AGO_MS, 150: LONG_AGO_MS });
    const { directory } = scene.edge;
    const overdueIn = directory.overdueIn.bind(directory);
    const come = townId(1000);
    directory.overdueIn = async (after, ...order) => {
      const found = await overdueIn(after, ...order);
      if (after === '') {
        await directory.create({ id: come, name: 'late', owner: 'ann', createdAtMs: LONG_AGO_MS });
      }
      return found;
    };
    const report = await watchTowns(scene.edge, SPAN);
    expect(report).toEqual({ looked: 151, overdue: 3, woken: 3, failed: 0 });
    expect(woken(scene)).toContain(come);
  });

  test('a town that fails is counted and logged, and the others are woken all the same (F9)', async () => {
    const scene = await sceneOf(5, Object.fromEntries([1, 2, 3, 4, 5].map((nth) => [nth, LONG_AGO_MS])));
    const town = (id: TownId): FakeTownObject => {
      if (id === townId(2)) throw new Error('it is being replaced');
      return new FakeTownObject(id, scene.calls);
    };
    expect(await watchTowns({ ...scene.edge, town })).toEqual({ looked: 5, overdue: 5, woken: 4, failed: 1 });
    expect(woken(scene)).not.toContain(townId(2));
    expect(scene.log.filter(({ level }) => level === 'error')).toEqual([
      {
        level: 'error',
        event: 'watchdog.town_failed',
        fields: { town: townId(2), error: 'it is being replaced' },
      },
    ]);
  });

  test('at most six towns are woken side by side, and one that never answers is given up after ten seconds', async () => {
    vi.useFakeTimers();
    try {
      const all = Array.from({ length: 20 }, (_, at) => at + 1);
      const scene = await sceneOf(20, Object.fromEntries(all.map((nth) => [nth, LONG_AGO_MS])));
      let under = 0;
      let most = 0;
      const town = (id: TownId): FakeTownObject => {
        const made = new FakeTownObject(id, scene.calls);
        made.instead = async () => {
          most = Math.max(most, (under += 1));
          if (id === townId(1)) await new Promise(() => undefined);
          await new Promise((resolve) => setTimeout(resolve, 10));
          under -= 1;
        };
        return made;
      };
      const run = watchTowns({ ...scene.edge, town });
      await vi.advanceTimersByTimeAsync(11_000);
      expect(await run).toEqual({ looked: 20, overdue: 20, woken: 19, failed: 1 });
      expect(most).toBe(6);
    } finally {
      vi.useRealTimers();
    }
  });

  test('a directory that cannot be read ends the run, which is counted and logged', async () => {
    const scene = await sceneOf(150, { 1: LONG_AGO_MS });
    const { directory } = scene.edge;
    const overdueIn = directory.overdueIn.bind(directory);
    directory.overdueIn = (after, ...order) =>
      after === '' ? overdueIn(after, ...order) : Promise.reject(new Error('D1 is down'));
    expect(await watchTowns(scene.edge, SPAN)).toEqual({ looked: 100, overdue: 1, woken: 1, failed: 1 });
    expect(scene.log.map(({ event }) => event)).toEqual(['watchdog.page_failed', 'watchdog.done']);
  });
});
