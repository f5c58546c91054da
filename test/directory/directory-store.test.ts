import { describe, expect, test } from 'vitest';
import { Directory, type TownEntry } from '../../src/directory/directory-store.ts';
import type { Member } from '../../src/people/member-store.ts';
import type { MemberRole } from '#protocol';
import { townId } from '../support/ids.ts';
import { directoryDatabase } from '../support/sqlite.ts';

const entry = (nth: number, owner = 'ann'): TownEntry => ({
  id: townId(nth),
  name: `t${nth}`,
  owner,
  createdAtMs: nth,
});

async function directoryOf(...towns: readonly TownEntry[]): Promise<Directory> {
  const directory = new Directory(directoryDatabase());
  for (const town of towns) await directory.create(town);
  return directory;
}

describe('the directory', () => {
  test('finds a town by its id, and nothing for any other', async () => {
    const directory = await directoryOf(entry(1));
    expect(await directory.get(townId(1))).toEqual(entry(1));
    for (const id of [townId(2), '', 'x', "' OR 1 = 1 --"]) expect(await directory.get(id), id).toBeNull();
  });

  test('keeps the first entry where the same id comes again', async () => {
    const directory = await directoryOf(entry(1), { ...entry(1), owner: 'thief', name: 'taken' });
    expect(await directory.get(townId(1))).toEqual(entry(1));
  });

  test('lists the towns of one member only, in pages by key', async () => {
    const directory = await directoryOf(entry(1), entry(2, 'bob'), entry(3), entry(4), entry(5, 'bob'));
    expect((await directory.listOf('ann', '', 2)).map(({ id }) => id)).toEqual([townId(1), townId(3)]);
    expect((await directory.listOf('ann', townId(3), 2)).map(({ id }) => id)).toEqual([townId(4)]);
    expect(await directory.listOf('nobody', '', 2)).toEqual([]);
  });

  test('finds the towns of one owner by their name, and none of another or that is deleted', async () => {
    const named = (nth: number, owner = 'ann') => ({ ...entry(nth, owner), name: 'here' });
    const directory = await directoryOf(named(1), named(2, 'bob'), entry(3), named(4), named(5));
    await directory.markDeleted(townId(4), 9);
    expect((await directory.named('ann', 'here', 10)).map(({ id }) => id)).toEqual([townId(1), townId(5)]);
    expect(await directory.named('ann', 'here', 1)).toHaveLength(1);
    expect(await directory.named('ann', 'there', 10)).toEqual([]);
  });

  test('pages through all ids by key, so that a town that is created meanwhile hides none', async () => {
    const directory = await directoryOf(entry(2), entry(4), entry(6));
    const first = await directory.pageOfIds('', 2);
    await directory.create(entry(1));
    await directory.create(entry(5));
    const rest = await directory.pageOfIds(first.at(-1) ?? '', 10);
    expect([...first, ...rest]).toEqual([townId(2), townId(4), townId(5), townId(6)]);
  });

  test('has a town as due from its first moment until the town says otherwise', async () => {
    const directory = await directoryOf(entry(1), entry(2));
    await directory.plan(townId(2), 99);
    expect(await directory.pageOfWatched('', 10)).toEqual([
      { ...entry(1), nextDueAtMs: 1, deletedAtMs: null },
      { ...entry(2), nextDueAtMs: 99, deletedAtMs: null },
    ]);
    await directory.plan(townId(2), null);
    await directory.plan(townId(3), 5);
    expect(await directory.pageOfWatched(townId(1), 10)).toEqual([
      { ...entry(2), nextDueAtMs: null, deletedAtMs: null },
    ]);
    expect(await directory.get(townId(3))).toBeNull();
  });

  test('tells of a span of towns which were due by then, how many it looked at, and where it ends', async () => {
    const directory = await directoryOf(entry(1), entry(2), entry(3), entry(4), entry(5));
    await directory.plan(townId(2), null);
    const due = async (after: string, span: number, by: number) => {
      const { towns, looked, last } = await directory.overdueIn(after, span, by);
      return [towns.map(({ id }) => id), looked, last];
    };
    expect(await due('', 3, 3)).toEqual([[townId(1), townId(3)], 3, townId(3)]);
    expect(await due('', 3, 2)).toEqual([[townId(1)], 3, townId(3)]);
    expect(await due(townId(3), 3, 3)).toEqual([[], 2, townId(5)]);
    expect(await due(townId(5), 3, 9)).toEqual([[], 0, null]);
  });

  test('shows a town that is being deleted to the watchdog alone, for which it stays due until its entry goes', async () => {
    const directory = await directoryOf(entry(1), entry(2));
    await directory.plan(townId(1), null);
    await directory.remove(townId(1));
    expect(await directory.get(townId(1))).toEqual(entry(1));
    await directory.markDeleted(townId(1), 50);
    await directory.markDeleted(townId(1), 60);
    await directory.plan(townId(1), null);
    expect(await directory.get(townId(1))).toBeNull();
    expect((await directory.listOf('ann', '', 10)).map(({ id }) => id)).toEqual([townId(2)]);
    expect(await directory.pageOfIds('', 10)).toEqual([townId(2)]);
    const found = { ...entry(1), nextDueAtMs: 50, deletedAtMs: 50 };
    expect((await directory.pageOfWatched('', 10))[0]).toEqual(found);
    expect((await directory.overdueIn('', 10, 50)).towns).toEqual([
      found,
      { ...entry(2), nextDueAtMs: 2, deletedAtMs: null },
    ]);
    expect(await directory.find(townId(1))).toEqual({ entry: entry(1), deletedAtMs: 50 });
    await directory.remove(townId(1));
    expect(await directory.find(townId(1))).toBeNull();
  });
});

describe('the mark that a town goes back', () => {
  test('is the newest one, under a time that only grows, and makes the town due', async () => {
    const directory = await directoryOf(entry(1), entry(2));
    expect(await directory.restoreMark(townId(1))).toBeNull();
    expect(await directory.markRestore(townId(1), 50, 'a')).toBe(true);
    expect(await directory.restoreMark(townId(1))).toEqual({ atMs: 50, undo: 'a' });
    expect((await directory.pageOfWatched('', 1))[0]).toMatchObject({ nextDueAtMs: 50 });
    // The clock went back.
    await directory.markRestore(townId(1), 40, 'b');
    expect(await directory.restoreMark(townId(1))).toEqual({ atMs: 51, undo: 'b' });
    expect(await directory.restoreMark(townId(2))).toBeNull();
  });

  test('is not taken of a town that is being deleted, or is not there', async () => {
    const directory = await directoryOf(entry(1));
    await directory.markDeleted(townId(1), 40);
    expect(await directory.markRestore(townId(1), 50, 'a')).toBe(false);
    expect(await directory.markRestore(townId(2), 50, 'a')).toBe(false);
    expect(await directory.restoreMark(townId(1))).toBeNull();
  });
});

describe('memberships', () => {
  const member = (person: string, role: MemberRole): Member => ({ person, role, sinceMs: 1, addedBy: null });
  const rolesOf = async (directory: Directory, ...people: string[]) =>
    Promise.all(people.map(async (person) => (await directory.findFor(person, townId(1)))?.role ?? null));

  test('begin with the first owner, and are those of the list that the town sends, whole', async () => {
    const directory = await directoryOf(entry(1), entry(2));
    expect(await rolesOf(directory, 'ann', 'bob')).toEqual(['owner', null]);
    await directory.publishMembers(townId(1), 1, [member('ann', 'viewer'), member('bob', 'owner')]);
    expect(await rolesOf(directory, 'ann', 'bob')).toEqual(['viewer', 'owner']);
    await directory.publishMembers(townId(1), 2, [member('bob', 'owner'), member('c\'"é', 'member')]);
    expect(await rolesOf(directory, 'ann', 'bob', 'c\'"é')).toEqual([null, 'owner', 'member']);
    expect((await directory.listOf('ann', '', 10)).map(({ id }) => id)).toEqual([townId(2)]);
    expect(await directory.findFor('bob', townId(1))).toMatchObject({
      id: townId(1),
      role: 'owner',
      deletedAtMs: null,
    });
  });

  test('of an older list that comes late change nothing; the same list again does no harm', async () => {
    const directory = await directoryOf(entry(1));
    const newest = [member('bob', 'owner')];
    await directory.publishMembers(townId(1), 5, newest);
    await directory.publishMembers(townId(1), 4, [member('ann', 'owner'), member('bob', 'viewer')]);
    await directory.publishMembers(townId(1), 5, newest);
    expect(await rolesOf(directory, 'ann', 'bob')).toEqual([null, 'owner']);
  });

  test('keep whoever made the town as the one that an older release asks for, but only as long as they are an owner', async () => {
    const directory = await directoryOf(entry(1, 'moe'));
    const owner = async () => (await directory.get(townId(1)))?.owner;
    await directory.publishMembers(townId(1), 1, [member('ann', 'owner'), member('moe', 'owner')]);
    expect(await owner()).toBe('moe');
    await directory.publishMembers(townId(1), 2, [
      member('ann', 'member'),
      member('bob', 'owner'),
      member('moe', 'viewer'),
    ]);
    expect(await owner()).toBe('bob');
  });

  test('of a town that is not there are not written, and those of one that is removed go with it', async () => {
    const database = directoryDatabase();
    const directory = new Directory(database);
    const count = async () => database.prepare('SELECT COUNT(*) AS n FROM memberships').first();
    await directory.publishMembers(townId(1), 1, [member('ann', 'owner')]);
    expect(await count()).toEqual({ n: 0 });
    await directory.create(entry(1));
    await directory.markDeleted(townId(1), 2);
    expect(await directory.findFor('ann', townId(1))).toMatchObject({ deletedAtMs: 2 });
    await directory.remove(townId(1));
    expect(await count()).toEqual({ n: 0 });
  });

  test('of towns that are older than they are begin with whoever made each', async () => {
    const database = directoryDatabase('0003');
    await database
      .prepare("INSERT INTO towns (id, name, owner, created_at_ms) VALUES (?, 'old', 'ann', 1)")
      .bind(townId(1))
      .run();
    database.migrate();
    expect(await rolesOf(new Directory(database), 'ann', 'bob')).toEqual(['owner', null]);
  });
});
