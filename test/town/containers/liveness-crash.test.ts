/** The town dies while it looks after silent agents and lost containers: none is forgotten, and none runs twice. */
import { beforeEach, describe, expect, it } from 'vitest';
import { lab } from '../support/lab.ts';
import { MINUTE, cutOff, eventsOf, pass, silence } from '../support/passing.ts';
import { weather, type Strike } from '../support/weather.ts';
import { World } from '../support/world.ts';

beforeEach(() => {
  lab.heartbeatMs = 30_000;
});

const at = (effect: string, fault: Strike['fault'], nth = 1): Strike => ({ layer: 'town', effect, nth, fault });

/** One agent in a turn, whose message is `id`. */
async function atWork(): Promise<{ world: World; ada: string; id: string }> {
  const world = await World.create();
  const { id: ada } = await world.create('ada');
  const { id } = await world.send('ada', 'work 3600');
  await world.town.until('ada', id, 'working');
  return { world, ada, id };
}

/** Lets time pass in which the ordered fault happens. */
async function storm(world: World, strike: Strike, ms: number): Promise<void> {
  weather.begin(world.town.id, strike);
  await pass(world.town, ms, () => world.ring());
  expect(weather.struck, 'the fault happened').toBe(true);
  weather.end();
}

const turnsOf = (id: string) => lab.turns.filter(({ message }) => message === id).map(({ inc }) => inc);

describe('the town dies', () => {
  it.each(['link.list', 'containers.planProbe'])(
    'at a probe (%s): it is repeated, and no agent is gone for it',
    async (effect) => {
      const { world, ada, id } = await atWork();
      const speak = silence(ada);
      await storm(world, at(effect, 'dies after'), 5 * MINUTE);
      expect(await world.town.read('ada')).toMatchObject({ state: 'stalled', incarnation: 1 });
      speak();
      await pass(world.town, MINUTE);
      expect(await world.town.read('ada')).toMatchObject({ state: 'working', incarnation: 1 });
      expect(turnsOf(id)).toEqual([1]);
    },
  );

  it.each(['dies before', 'dies after'] as const)(
    'when a silent agent is stopped (link.stop %s): it is found out, and started again once',
    async (fault) => {
      const { world, ada, id } = await atWork();
      const speak = silence(ada);
      await storm(world, at('link.stop', fault), 13 * MINUTE);
      speak();
      await world.town.until('ada', id, 'working');
      expect((await world.town.read('ada')).incarnation).toBe(2);
      expect(turnsOf(id)).toEqual([1, 2]);
      expect(await eventsOf(world.town, 'reeve.agent.gone')).toHaveLength(1);
    },
  );

  it.each([
    ['containers.lose', 'dies before'],
    ['containers.lose', 'dies after'],
    ['agents.nextIncarnation', 'dies after'],
    ['link.renew', 'dies before'],
    ['link.renew', 'dies after'],
  ] as const)(
    'K-12: when a container is abandoned (%s %s): all of it or nothing, and what ran there ends before it is used again',
    async (effect, fault) => {
      const { world, ada, id } = await atWork();
      const { town } = world;
      const back = cutOff(town);
      await storm(world, at(effect, fault), 14 * MINUTE);
      await town.until('ada', id, 'working');
      expect(await town.read('ada')).toMatchObject({ incarnation: 2, container: town.containerName(1) });
      expect(turnsOf(id)).toEqual([1, 2]);
      expect(await eventsOf(town, 'reeve.container.lost')).toEqual([{ agents: [ada] }]);
      back();
      await world.stub.hello();
      await expect.poll(() => town.container(0).registry.size).toBe(0);
      expect((await world.create('bob')).container).toBe(town.containerName(0));
    },
  );

  /** Up to the moment in which the town dies between the loss of a container and the end of its session. */
  async function diesBeforeRenewal(world: World): Promise<void> {
    weather.begin(world.town.id, at('link.renew', 'dies before'));
    for (let minute = 0; minute < 16 && !weather.struck; minute += 0.25) {
      await pass(world.town, MINUTE / 4, () => world.ring());
    }
    expect(weather.struck).toBe(true);
    weather.end();
  }

  it('K-12: before the session of a lost container was given up: a hello does that first, so what ran in it ends', async () => {
    const { world, ada } = await atWork();
    const { town } = world;
    const back = cutOff(town);
    await diesBeforeRenewal(world);
    expect(await eventsOf(town, 'reeve.container.lost')).toEqual([{ agents: [ada] }]);
    back();
    expect(town.container(0).registry.size).toBe(1);
    await world.stub.hello();
    await expect.poll(() => town.container(0).registry.size).toBe(0);
  });

  it('K-12: and where there is no other address, a start does that first', async () => {
    lab.containerAddresses = 1;
    const { world, id } = await atWork();
    const { town } = world;
    const back = cutOff(town);
    await diesBeforeRenewal(world);
    back();
    await pass(town, 6 * MINUTE);
    await town.until('ada', id, 'working');
    const paths = town.container(0).requests.map(({ path }) => path.replace(/agt_\w+/, ':agent'));
    expect(paths.filter((path) => path === '/session')).toHaveLength(2);
    expect(paths.lastIndexOf('/session')).toBeLessThan(paths.lastIndexOf('/agents/:agent/start'));
    expect(turnsOf(id)).toEqual([1, 2]);
  });

  it.each(['agents.planRevival', 'agents.move'])(
    'when an agent fails (%s): it is failed once, and revived in time',
    async (effect) => {
      const world = await World.create();
      const { container, town } = world;
      container.before = ({ path }) => (path.endsWith('/start') ? { status: 500, headers: {}, body: '' } : null);
      await world.create('ada');
      const { id } = await world.send('ada', 'hello');
      await pass(town, 17 * MINUTE);
      await storm(world, at(effect, 'dies after'), 4 * MINUTE);
      expect((await town.read('ada')).state).toBe('failed');
      expect(await eventsOf(town, 'reeve.agent.failed')).toHaveLength(1);
      container.before = () => null;
      await pass(town, 32 * MINUTE);
      await town.until('ada', id, 'done');
    },
  );
});
