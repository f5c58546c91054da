/** A change of the members that is cut at any point: town and directory agree again without a further call. */
import { env, runInDurableObject } from 'cloudflare:test';
import { afterEach, describe, expect, it } from 'vitest';
import { edgeOf } from '../../../src/http/edge/edge.ts';
import { watchTowns } from '../../../src/http/watchdog.ts';
import type { MemberView } from '../../../src/protocol/index.ts';
import { inside } from '../support/inside.ts';
import { lab } from '../support/lab.ts';
import { TestTown } from '../support/town.ts';
import { weather, type Strike } from '../support/weather.ts';
import { deployment } from '../support/wiring.ts';

/** A try, its repeat, and a second. */
const REPEATED_MS = 80_000;

const inTown = (town: TestTown) =>
  inside(town, (p) => p.members.list('', 100).map(({ person, role }) => `${person} ${role}`));
async function inDirectory(town: TestTown): Promise<string[]> {
  const rows = await env.DIRECTORY.prepare('SELECT person, role FROM memberships WHERE town = ? ORDER BY person')
    .bind(town.id)
    .all<{ person: string; role: string }>();
  return rows.results.map(({ person, role }) => `${person} ${role}`);
}

/** Every step of a change, and how it is cut. */
const CUTS: readonly (readonly [effect: string, fault: Strike['fault']])[] = [
  ['members.put', 'dies before'],
  ['members.remove', 'dies before'],
  ['events.append', 'dies before'],
  ['town.membersChanged', 'dies before'],
  ['transaction', 'dies before'],
  ['transaction', 'breaks after'],
  ['transaction', 'dies after'],
  ['town.planMembers', 'dies before'],
  ['town.planMembers', 'dies after'],
  ['directory.publishMembers', 'dies before'],
  ['directory.publishMembers', 'dies after'],
  ['town.membersPublished', 'dies before'],
  ['town.membersPublished', 'dies after'],
];

describe('a change of the members that is cut', () => {
  it.each(
    CUTS.flatMap(([effect, fault]) => (['PUT', 'DELETE'] as const).map((method) => [method, effect, fault] as const)),
  )(
    '%s at %s, where the town %s, is whole or not there, and what its caller was told holds',
    async (method, effect, fault) => {
      const town = await TestTown.create();
      await town.api('PUT', '/members/bob', { role: 'member' });
      const before = ['bob member', 'dev owner'];
      const after = method === 'PUT' ? ['bob viewer', 'dev owner'] : ['dev owner'];
      weather.begin(town.id, { layer: 'town', effect, nth: 1, fault });
      const change = () =>
        town.api<MemberView>(method, '/members/bob', method === 'PUT' ? { role: 'viewer' } : undefined);
      const { status } = await change();
      const { struck } = weather;
      weather.end();
      // Only one of the two methods comes by it.
      if (!struck) expect(effect).toMatch(/^members\./);
      await town.elapse(REPEATED_MS);
      expect(status < 300 ? [after] : [before, after]).toContainEqual(await inTown(town));
      expect(await inDirectory(town)).toEqual(await inTown(town));
      const again = await change();
      expect([200, 404]).toContain(again.status);
      expect(await inTown(town)).toEqual(after);
      expect(await inDirectory(town)).toEqual(after);
      expect(await town.alarmAt()).toBeNull();
    },
  );
});

describe('a directory that does not take the members', () => {
  afterEach(() => env.DIRECTORY.exec('DROP TRIGGER IF EXISTS down'));
  const goesDown = () =>
    env.DIRECTORY.exec("CREATE TRIGGER down BEFORE UPDATE ON towns BEGIN SELECT RAISE(ABORT, 'down'); END");

  it('hears of them when it does again, and the change holds meanwhile', async () => {
    const town = await TestTown.create();
    await town.api('PUT', '/members/bob', { role: 'member' });
    await goesDown();
    expect((await town.api('PUT', '/members/eve', { role: 'viewer' })).status).toBe(201);
    expect((await town.api('DELETE', '/members/bob')).status).toBe(200);
    expect(await inTown(town)).toEqual(['dev owner', 'eve viewer']);
    await town.elapse(10 * 60_000);
    expect(await inDirectory(town)).toEqual(['bob member', 'dev owner']);
    await env.DIRECTORY.exec('DROP TRIGGER down');
    await town.elapse(REPEATED_MS);
    expect(await inDirectory(town)).toEqual(['dev owner', 'eve viewer']);
    expect(await town.alarmAt()).toBeNull();
  });

  it('hears of them also where the alarm was lost, by the watchdog', async () => {
    const town = await TestTown.create();
    await goesDown();
    await town.api('PUT', '/members/eve', { role: 'viewer' });
    await env.DIRECTORY.exec('DROP TRIGGER down');
    // Any request tells the directory when the town is due, and then its alarm is gone.
    lab.clock.advance(20_000);
    await town.api('GET', '');
    await town.settled();
    await runInDurableObject(town.stub, (_, { storage }) => storage.deleteAlarm());
    lab.clock.advance(3_600_000);
    const { config } = await deployment();
    const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
    await watchTowns({ ...edgeOf(env, config), clock: lab.clock, log: silent });
    await town.elapse(REPEATED_MS);
    expect(await inDirectory(town)).toEqual(['dev owner', 'eve viewer']);
  });

  it('gets the list of an earlier state where the database of the town was put back to one', async () => {
    const town = await TestTown.create();
    await town.api('PUT', '/members/eve', { role: 'viewer' });
    // As it was before eve came, which the directory knows nothing of.
    await inside(town, (p) => {
      p.members.remove('eve');
      p.town.membersPublished(0);
    });
    await town.api('POST', '/restored', {});
    expect(await inDirectory(town)).toEqual(['dev owner']);
  });
});
