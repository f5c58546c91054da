import { describe, expect, it } from 'vitest';
import { noticeSchema, unfence } from '../../../src/protocol/index.ts';
import { ANNOUNCEMENT_COOLDOWN_MS } from '../../../src/ledger/delegation.ts';
import { AsAgent } from '../support/as-agent.ts';
import { weather, type Strike } from '../support/weather.ts';
import { World } from '../support/world.ts';

const FAULTS = ['dies before', 'dies after', 'breaks before', 'breaks after'] as const;
/** An agent that gets this is busy with it for longer than any test takes. */
const LONG = 'work 3000';

/** What a result comes past on its way, in this order; a transaction is counted for each step of it. */
const EFFECTS: readonly (readonly [string, number])[] = [
  ['transaction', 1],
  ['delegations.end', 1],
  ['transaction', 2],
  ['delegations.postpone', 1],
  ['transaction', 3],
  ['messages.accept', 1],
  ['delegations.announced', 1],
  ['transaction', 4],
];

/** One open delegation from ada to bob. */
async function delegated(): Promise<{ world: World; ada: AsAgent; bob: AsAgent; id: string }> {
  const world = await World.create();
  for (const name of ['ada', 'bob']) await world.create(name);
  const [ada, bob] = [new AsAgent(world.town, 'ada'), new AsAgent(world.town, 'bob')];
  const { id } = await ada.delegate('bob', LONG);
  await world.settled();
  return { world, ada, bob, id };
}

async function struck(world: World, effect: string, nth: number, fault: Strike['fault'], work: () => Promise<unknown>) {
  weather.begin(world.town.id, { layer: 'town', effect, nth, fault });
  await work().catch(() => undefined);
  await world.settled();
  expect(weather.struck, 'the fault happened').toBe(true);
}

/** The states that were announced to ada, and all that it was sent as a message. */
async function announced(world: World): Promise<{ states: string[]; text: string }> {
  const { messages } = await world.snapshot();
  const contents = messages.map(({ content }) => content);
  const notices = contents.map((content) => noticeSchema.parse(JSON.parse(content)));
  const over = notices.filter(({ notice }) => notice === 'delegation.announced');
  return {
    states: over.flatMap(({ delegations }) => delegations.map(({ state }) => state)),
    text: contents.join('\n'),
  };
}

describe('a result on its way', () => {
  it.each(EFFECTS.flatMap(([effect, nth]) => FAULTS.map((fault) => [effect, nth, fault] as const)))(
    'M-31: is stored, then announced: what is not stored is not announced, and its caller sends it again (%s %i %s)',
    async (effect, nth, fault) => {
      const { world, ada, bob, id } = await delegated();
      await struck(world, effect, nth, fault, () => bob.finish(id, 'the result'));
      if ((await ada.delegation(id)).state === 'open') expect((await announced(world)).states).toEqual([]);
      // A caller that was not answered asks again.
      expect((await bob.finish(id, 'the result')).status).toBe(200);
      await world.town.elapse(2 * ANNOUNCEMENT_COOLDOWN_MS);
      expect((await announced(world)).states).toEqual(['done']);
      expect((await announced(world)).text).not.toContain('the result');
      expect(unfence((await ada.delegation(id)).result ?? '')).toBe('the result');
      const events = (await world.town.events()).filter(({ type }) => type.startsWith('reeve.delegation.'));
      expect(events.map(({ type }) => type)).toEqual([
        'reeve.delegation.created',
        'reeve.delegation.finished',
        'reeve.delegation.announced',
      ]);
    },
  );

  it('M-31: that was stored before something broke is announced without a further call', async () => {
    const { world, bob, id } = await delegated();
    await struck(world, 'delegations.postpone', 1, 'breaks before', () => bob.finish(id, 'the result'));
    expect((await world.snapshot()).due.announcement).not.toBeNull();
    await world.town.elapse(2 * ANNOUNCEMENT_COOLDOWN_MS);
    expect((await announced(world)).states).toEqual(['done']);
    expect((await world.snapshot()).due.announcement).toBeNull();
  });
});

describe('a delegation on its way', () => {
  it.each(
    [
      ['messages.accept', 1],
      ['delegations.add', 1],
      ['events.append', 1],
      ['events.append', 2],
      ['transaction', 2],
    ].flatMap(([effect, nth]) => FAULTS.map((fault) => [String(effect), Number(nth), fault] as const)),
  )('is there with the message about it, or not at all (%s %i %s)', async (effect, nth, fault) => {
    const world = await World.create();
    for (const name of ['ada', 'bob']) await world.create(name);
    const ada = new AsAgent(world.town, 'ada');
    await struck(world, effect, nth, fault, () => ada.order('bob', LONG));
    type Page = { items: { id: string }[] };
    const made = (await world.town.api<Page>('GET', '/delegations')).body.items.map(({ id }) => id);
    const { messages } = await world.snapshot();
    const notices = messages.map(({ content }) => noticeSchema.parse(JSON.parse(content)));
    expect(notices.flatMap(({ delegations }) => delegations.map(({ id }) => id))).toEqual(made);
    expect(made.length).toBeLessThanOrEqual(1);
  });
});
