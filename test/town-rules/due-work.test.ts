import { describe, expect, test } from 'vitest';
import { migrate } from '../../src/lib/migrate.ts';
import { eachAlone, oneAlone } from '../../src/town/due-work.ts';
import { FailureStore } from '../../src/town/failure-store.ts';
import type { TownPorts } from '../../src/town/ports.ts';
import { TOWN_SCHEMA } from '../../src/town/schema.ts';
import { townId } from '../support/ids.ts';
import { objectStorage } from '../support/sqlite.ts';

const MINUTE = 60_000;

/** A town of which only the failures, the clock and the log are there. */
function scene() {
  const storage = objectStorage();
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
    transaction: storage.transactionSync,
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

describe('due work on one row after the other', () => {
  test('is done for all but the broken ones, whose writes are taken back and whose due times move on', () => {
    const { p, work, done, lines, current } = scene();
    const postponed: unknown[] = [];
    eachAlone(p, 'look', ['a', 'b', 'c'], work(['b']), (subject, atMs) => postponed.push([subject, atMs]));
    expect(done()).toEqual(['a', 'c']);
    expect(postponed).toEqual([['b', MINUTE]]);
    expect(current()).toEqual([['b', 1, MINUTE]]);
    expect(lines).toEqual([
      ['town.work_failed', { town: townId(1), work: 'look', subject: 'b', error: 'b is broken' }],
    ]);
  });

  test('that fails again waits twice as long each time, up to an hour, and counts from the first', () => {
    const { p, work, failures, advance, current } = scene();
    const fail = (): void => {
      eachAlone(p, 'look', ['b'], work(['b']), () => undefined);
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
  });

  test('that succeeded counts no more, and its next failure is the first', () => {
    const { p, work, advance, current } = scene();
    eachAlone(p, 'look', ['b'], work(['b']), () => undefined);
    advance(MINUTE);
    eachAlone(p, 'look', ['b'], work([]), () => undefined);
    advance(3 * MINUTE);
    expect(current()).toEqual([]);
    eachAlone(p, 'look', ['b'], work(['b']), () => undefined);
    expect(current()).toEqual([['b', 1, MINUTE]]);
  });

  test('does not throw where its due time cannot be moved either', async () => {
    const { p, work } = scene();
    const refuse = (): never => {
      throw new Error('the database refuses');
    };
    expect(() => eachAlone(p, 'look', ['a', 'b'], work(['b']), refuse)).not.toThrow();
    await expect(oneAlone(p, 'serve', 'b', async () => work(['b'])('b'), refuse)).resolves.toBeUndefined();
  });
});
