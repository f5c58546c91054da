import { env, runInDurableObject } from 'cloudflare:test';
import { describe, expect, test } from 'vitest';
import { migrate } from '../../../src/lib/migrate.ts';
import { eachIsolated, oneIsolated } from '../../../src/town/agents/due-work.ts';
import { FailureStore } from '../../../src/town/state/failure-store.ts';
import type { TownPorts } from '../../../src/town/ports.ts';
import { TOWN_SCHEMA } from '../../../src/town/state/schema.ts';
import { townId } from '../../support/ids.ts';

const MINUTE = 60_000;

/** A town of which only the failures, the clock and the log are there. */
function sceneOf(storage: DurableObjectStorage) {
  migrate(storage, TOWN_SCHEMA);
  storage.sql.exec('CREATE TABLE done (subject TEXT PRIMARY KEY) STRICT');
  let nowMs = 0;
  const lines: unknown[] = [];
  const failures = new FailureStore(storage.sql);
  const p = {
    id: townId(1),
    clock: { now: () => nowMs },
    random: () => 1,
    log: {
      info: () => undefined,
      warn: () => undefined,
      error: (event: string, fields: unknown) => void lines.push([event, fields]),
    },
    transaction: <T>(work: () => T): T => storage.transactionSync(work),
    failures,
  } as unknown as TownPorts;
  const work = (broken: readonly string[]) => (subject: string) => {
    storage.sql.exec('INSERT OR IGNORE INTO done VALUES (?)', subject);
    if (broken.includes(subject)) throw new Error(`${subject} is broken`);
  };
  return {
    p,
    lines,
    failures,
    work,
    advance: (ms: number) => (nowMs += ms),
    done: () =>
      storage.sql
        .exec('SELECT subject FROM done ORDER BY subject')
        .toArray()
        .map((row) => row['subject']),
    current: () =>
      failures.current(nowMs, 10).map(({ subject, tries, nextAtMs }) => [subject, tries, nextAtMs - nowMs]),
  };
}

let objects = 0;
/** In an object of its own. */
function inScene(claim: (scene: ReturnType<typeof sceneOf>) => void | Promise<void>): Promise<void> {
  objects += 1;
  return runInDurableObject(env.TOWN.getByName(townId(objects)), (_, { storage }) => claim(sceneOf(storage)));
}

describe('due work on one row after the other', () => {
  test('is done for all but the broken ones, whose writes are taken back and whose due times move on', () =>
    inScene(({ p, work, done, lines, current }) => {
      const postponed: unknown[] = [];
      eachIsolated(p, 'look', ['a', 'b', 'c'], work(['b']), (subject, atMs) => postponed.push([subject, atMs]));
      expect(done()).toEqual(['a', 'c']);
      expect(postponed).toEqual([['b', MINUTE]]);
      expect(current()).toEqual([['b', 1, MINUTE]]);
      expect(lines).toEqual([
        ['town.work_failed', { town: townId(1), work: 'look', subject: 'b', error: 'b is broken' }],
      ]);
    }));

  test('that fails again waits twice as long each time, up to an hour, and counts from the first', () =>
    inScene(({ p, work, failures, advance, current }) => {
      const fail = (): void => {
        eachIsolated(p, 'look', ['b'], work(['b']), () => undefined);
      };
      const waits: unknown[] = [];
      for (let nth = 0; nth < 9; nth += 1) {
        fail();
        const [[, , wait] = []] = current();
        waits.push(Number(wait) / MINUTE);
        advance(Number(wait));
      }
      expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
      expect(failures.current(0, 10)).toMatchObject([{ work: 'look', subject: 'b', sinceMs: 0, tries: 9 }]);
    }));

  test('that succeeded counts no more, and its next failure is the first', () =>
    inScene(({ p, work, advance, current }) => {
      eachIsolated(p, 'look', ['b'], work(['b']), () => undefined);
      advance(MINUTE);
      eachIsolated(p, 'look', ['b'], work([]), () => undefined);
      advance(3 * MINUTE);
      expect(current()).toEqual([]);
      eachIsolated(p, 'look', ['b'], work(['b']), () => undefined);
      expect(current()).toEqual([['b', 1, MINUTE]]);
    }));

  test('does not throw where its due time cannot be moved either', () =>
    inScene(async ({ p, work }) => {
      const refuse = (): never => {
        throw new Error('the database refuses');
      };
      expect(() => eachIsolated(p, 'look', ['a', 'b'], work(['b']), refuse)).not.toThrow();
      await expect(oneIsolated(p, 'serve', 'b', async () => work(['b'])('b'), refuse)).resolves.toBeUndefined();
    }));
});
