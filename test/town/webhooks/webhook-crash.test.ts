import { afterEach, describe, expect, it } from 'vitest';
import { lab } from '../support/lab.ts';
import { TestHook, answersWith, takes } from '../support/hooks.ts';
import { weather, type Strike } from '../support/weather.ts';
import { World } from '../support/world.ts';

const FAULTS = ['dies before', 'dies after', 'breaks before', 'breaks after'] as const;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What an event comes past on its way to a receiver that takes it, and to one that does not. */
const TAKEN = [
  ['postEvent', 1],
  ['postEvent', 2],
  ['webhooks.advance', 1],
] as const;
const REFUSED = [
  ['postEvent', 1],
  ['webhooks.failed', 1],
  ['webhooks.plan', 1],
] as const;

const cases = (effects: readonly (readonly [string, number])[]) =>
  effects.flatMap(([effect, nth]) => FAULTS.map((fault) => [effect, nth, fault] as const));

afterEach(() => lab.end());

/** A town in which the next fault of this kind happens while its webhook is posted to. */
async function struckTown(receiver: typeof takes, effect: string, nth: number, fault: Strike['fault']) {
  const world = await World.create();
  const hook = await TestHook.create(world.town, 'board', ['reeve.agent.created'], receiver);
  weather.begin(world.town.id, { layer: 'town', effect, nth, fault });
  for (const name of ['ada', 'bob']) await world.create(name).catch(() => undefined);
  await world.settled();
  return { world, hook };
}

/** Who was made, by the events: what died with the object before it was stored was answered to no person. */
async function made(world: World): Promise<string[]> {
  const events = await world.town.events();
  return events.filter(({ type }) => type === 'reeve.agent.created').map(({ data }) => String(data['name']));
}

describe('an event on its way to a webhook', () => {
  it.each(cases(TAKEN))('is posted at least once, in order, each time with the same id (%s %i %s)', async (...cut) => {
    const { world, hook } = await struckTown(takes, ...cut);
    await world.town.elapse(2 * HOUR_MS);
    await world.settled();
    expect(weather.struck, 'the fault happened').toBe(true);
    expect([...new Set(hook.names)]).toEqual(await made(world));
    for (const posts of Map.groupBy(hook.posts, ({ headers }) => headers['webhook-id']).values()) {
      expect(new Set(posts.map(({ body }) => body)).size).toBe(1);
    }
    expect(await world.town.alarmAt()).toBeNull();
  });

  it.each(cases(REFUSED))('is posted once its receiver takes it again (%s %i %s)', async (...cut) => {
    const { world, hook } = await struckTown(answersWith(500), ...cut);
    // Where the object dies in a run of its alarm, so does the call that rings it.
    await world.town.elapse(60_000).catch(() => undefined);
    await world.settled();
    expect(weather.struck, 'the fault happened').toBe(true);
    const before = hook.posts.length;
    hook.receiver = takes;
    await world.town.elapse(2 * HOUR_MS);
    await world.settled();
    expect([...new Set(hook.names.slice(before))]).toEqual(await made(world));
    expect(await world.town.alarmAt()).toBeNull();
  });

  it.each(FAULTS)(
    'ends its webhook where its receiver is gone, with one event (webhooks.disable 1 %s)',
    async (fault) => {
      const { world, hook } = await struckTown(answersWith(410), 'webhooks.disable', 1, fault);
      await world.town.elapse(DAY_MS);
      await world.settled();
      expect(weather.struck, 'the fault happened').toBe(true);
      expect(await hook.read()).toMatchObject({ enabled: false, disabled: { why: 'gone' } });
      const ends = (await world.town.events()).filter(({ type }) => type === 'reeve.webhook.disabled');
      expect(ends).toHaveLength(1);
      expect(await world.town.alarmAt()).toBeNull();
    },
  );
});
