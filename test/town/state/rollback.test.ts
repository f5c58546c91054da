/** A release is rolled back and comes again: the database that it left behind is one that the release before it can work with. */
import { env, evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { migrate, type Migration } from '../../../src/lib/migrate.ts';
import { LINK_SCHEMA } from '../../../src/link/session-store.ts';
import { TOWN_SCHEMA } from '../../../src/town/state/schema.ts';
import { TestTown } from '../support/town.ts';
import type { TownHealth } from '../../../src/protocol/index.ts';

/** What the next release may add: a column, a table of its own, and a trigger that fills it. */
const NEXT_OF_TOWN: Migration = {
  id: '9998-next',
  statements: [
    'ALTER TABLE messages ADD COLUMN priority INTEGER NOT NULL DEFAULT 5',
    'CREATE TABLE labels (message TEXT PRIMARY KEY, label TEXT NOT NULL) STRICT',
    "CREATE TRIGGER labels_add AFTER INSERT ON messages BEGIN INSERT INTO labels VALUES (NEW.id, 'new'); END",
    'CREATE INDEX messages_by_priority ON messages (priority)',
  ],
};
const NEXT_OF_LINK: Migration = {
  id: '9998-next',
  statements: ['ALTER TABLE session ADD COLUMN opened_at_ms INTEGER'],
};

const containerOf = (town: TestTown) => env.AGENT_CONTAINER.getByName(town.containerName());

/** The next release comes up over both objects, and works. */
async function deployNext(town: TestTown): Promise<void> {
  await runInDurableObject(town.stub, (_, { storage }) => {
    migrate(storage, [...TOWN_SCHEMA, NEXT_OF_TOWN]);
    storage.sql.exec("UPDATE messages SET priority = 1 WHERE content = 'first'");
  });
  await runInDurableObject(containerOf(town), (_, { storage }) => {
    migrate(storage, [...LINK_SCHEMA, NEXT_OF_LINK]);
    storage.sql.exec('UPDATE session SET opened_at_ms = 1');
  });
}

/** This release comes up over both objects again. */
async function rollBack(town: TestTown): Promise<void> {
  await evictDurableObject(town.stub);
  await evictDurableObject(containerOf(town));
}

async function say(town: TestTown, content: string): Promise<string> {
  const { id } = await town.send('ada', content);
  await town.until('ada', id, 'done');
  return id;
}

const codesOf = async (town: TestTown) =>
  (await town.api<TownHealth>('GET', '/health')).body.reasons.map(({ code, status }) => `${code} ${status}`);

describe('a rollback', () => {
  it('leaves a town at work: its requests, deliveries and alarm go on over steps that this release does not know', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await say(town, 'first');
    await deployNext(town);
    await rollBack(town);

    const second = await say(town, 'second');
    await town.agent('bob');
    await town.work('bob', 20_000);
    // Two intervals: in the first a token may be too young, as the phase of the town has it.
    await town.elapse(7_200_000);
    const { body } = await town.api<{ last_sweep: { ok: number } | null }>('GET', '');
    expect(body.last_sweep?.ok).toBe(1);

    await deployNext(town);
    const third = await say(town, 'third');
    const rows = await runInDurableObject(town.stub, (_, { storage: { sql } }) => ({
      messages: sql
        .exec("SELECT content, priority, state FROM messages WHERE agent = (SELECT id FROM agents WHERE name = 'ada')")
        .toArray(),
      labels: sql.exec<{ message: string }>('SELECT message FROM labels').toArray(),
      steps: sql.exec<{ id: string }>('SELECT id FROM migrations ORDER BY at').toArray(),
    }));
    expect(rows.messages).toEqual([
      { content: 'first', priority: 1, state: 'done' },
      { content: 'second', priority: 5, state: 'done' },
      { content: 'third', priority: 5, state: 'done' },
    ]);
    expect(rows.labels.map(({ message }) => message)).toEqual(expect.arrayContaining([second, third]));
    expect(rows.steps.map(({ id }) => id)).toEqual([...TOWN_SCHEMA, NEXT_OF_TOWN].map(({ id }) => id));

    await rollBack(town);
    await say(town, 'fourth');
  });

  it('leaves the way to a container: its session is kept, and the next one is opened', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await deployNext(town);
    await rollBack(town);
    const sessions = () =>
      runInDurableObject(containerOf(town), (_, { storage: { sql } }) =>
        sql.exec('SELECT session, answered, opened_at_ms FROM session').toArray(),
      );
    const [kept] = await sessions();
    expect(kept).toMatchObject({ answered: 1, opened_at_ms: 1 });
    await say(town, 'first');
    expect(await sessions()).toEqual([kept]);

    town.container().restart();
    await say(town, 'second');
    const [opened] = await sessions();
    expect(opened?.['session']).not.toBe(kept?.['session']);
    expect(opened).toMatchObject({ answered: 1, opened_at_ms: null });
    await deployNext(town);
    await say(town, 'third');
  });

  it('is shown by the health of the town, with the steps, until the newer release is back', async () => {
    const town = await TestTown.create();
    expect(await codesOf(town)).toEqual([]);
    await deployNext(town);
    await rollBack(town);
    expect(await codesOf(town)).toEqual(['schema_ahead amber']);
    const { body } = await town.api<TownHealth>('GET', '/health');
    expect(body.reasons[0]).toMatchObject({ agent: null, detail: expect.stringContaining('9998-next') as string });
  });
});
