import { beforeEach, describe, expect, test } from 'vitest';
import { EVENT_LIFE_MS, EventStore, MAX_EVENTS_KEPT } from '../../src/events/event-store.ts';
import { migrate } from '../../src/lib/migrate.ts';
import { TOWN_SCHEMA } from '../../src/town/state/schema.ts';
import { townId } from '../support/ids.ts';
import { objectStorage } from '../support/sqlite.ts';

const NOW_MS = Date.UTC(2030, 0, 1);
const TOWN = townId(1);

let storage: ReturnType<typeof objectStorage>;
let events: EventStore;

beforeEach(() => {
  storage = objectStorage();
  migrate(storage, TOWN_SCHEMA);
  events = new EventStore(storage.sql, () => undefined);
});

const append = (count: number, nowMs = NOW_MS): void => {
  for (let nth = 0; nth < count; nth += 1) events.append('reeve.town.created', 'agt_1', { name: String(nth) }, nowMs);
};

/** As so many appends would leave it, without their time. */
function fill(count: number, atMs: number): void {
  storage.sql.exec(
    `INSERT INTO events (type, subject, at_ms, data)
     WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
     SELECT 'reeve.agent.started', 'agt_1', ?, '{}' FROM n`,
    count,
    atMs,
  );
}

const kept = (): number => events.head() - events.oldest() + 1;

describe('the events of a town', () => {
  test('are CloudEvents 1.0 with a seq that begins at 1 and has no gap', () => {
    append(3);
    expect(events.list(TOWN, 0, 10).map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(events.list(TOWN, 2, 10)).toEqual([
      {
        specversion: '1.0',
        id: '3',
        source: `/v1/towns/${TOWN}`,
        type: 'reeve.town.created',
        subject: 'agt_1',
        time: '2030-01-01T00:00:00.000Z',
        seq: 3,
        datacontenttype: 'application/json',
        data: { name: '2' },
      },
    ]);
  });

  test('one that is rolled back leaves no gap: the next takes its seq', () => {
    append(1);
    expect(() =>
      storage.transactionSync(() => {
        append(1);
        throw new Error('rolled back');
      }),
    ).toThrow('rolled back');
    append(1);
    expect(events.list(TOWN, 0, 10).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test('a page tells from where on they are kept', () => {
    expect(events.page(TOWN, 0, 10)).toEqual({ items: [], next: null, oldest: 0 });
    append(3);
    expect(events.page(TOWN, 1, 1)).toMatchObject({ items: [{ seq: 2 }], next: '2', oldest: 1 });
  });
});

describe('retention', () => {
  test(`${MAX_EVENTS_KEPT} are kept, and of more the oldest go within 64 appends`, () => {
    fill(MAX_EVENTS_KEPT - 1, NOW_MS);
    append(1);
    expect(kept()).toBe(MAX_EVENTS_KEPT);
    append(64);
    expect(kept()).toBeLessThan(MAX_EVENTS_KEPT + 64);
    expect(events.oldest()).toBeGreaterThan(1);
    append(640);
    expect(kept()).toBeGreaterThanOrEqual(MAX_EVENTS_KEPT);
    expect(kept()).toBeLessThan(MAX_EVENTS_KEPT + 64);
  });

  test('30 days are kept, and what is older goes as the next come; the newest stays whatever its age', () => {
    fill(63, NOW_MS - EVENT_LIFE_MS);
    append(1);
    expect(events.oldest()).toBe(1);
    append(64, NOW_MS + 1);
    expect(events.oldest()).toBe(64);
    append(63, NOW_MS + 1);
    append(1, NOW_MS + 2 * EVENT_LIFE_MS);
    expect([events.oldest(), events.head()]).toEqual([192, 192]);
  });

  test('so many bytes of data are kept, and of more the oldest go with the next append, in bounded steps', () => {
    const data = (nth: number) => ({ name: `${nth} ${'é'.repeat(100)}` });
    const small = new EventStore(storage.sql, () => undefined, 10_000);
    const size = new TextEncoder().encode(JSON.stringify(data(10))).length;
    const keptBytes = () =>
      events.list(TOWN, 0, 1000).reduce((sum, { data }) => sum + Buffer.byteLength(JSON.stringify(data)), 0);
    // Of before the count, as an older version wrote them.
    fill(500, NOW_MS);
    for (let nth = 10; nth < 99; nth += 1) {
      const before = events.oldest();
      small.append('reeve.town.created', 'agt_1', data(nth), NOW_MS);
      expect(events.oldest() - before).toBeLessThanOrEqual(128);
    }
    expect(events.head()).toBe(589);
    expect(keptBytes()).toBeLessThanOrEqual(10_000);
    expect(keptBytes()).toBeGreaterThan(10_000 - 2 * size);
    small.append('reeve.town.created', 'agt_1', { name: 'x'.repeat(20_000) }, NOW_MS);
    expect([events.oldest(), events.head()]).toEqual([590, 590]);
  });

  test('a backlog goes in bounded steps: no append removes more than 128', () => {
    fill(1000, NOW_MS - EVENT_LIFE_MS - 1);
    for (let nth = 0; nth < 200; nth += 1) {
      const before = events.oldest();
      append(1);
      expect(events.oldest() - before).toBeLessThanOrEqual(128);
    }
    expect(events.oldest()).toBeGreaterThan(256);
    append(1000);
    expect(events.oldest()).toBe(1001);
  });
});
