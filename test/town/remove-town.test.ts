import { env, runInDurableObject } from 'cloudflare:test';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Directory } from '../../src/directory/directory-store.ts';
import { edgeOf } from '../../src/http/edge/edge.ts';
import { watchTowns } from '../../src/http/watchdog.ts';
import { isMigrated } from '../../src/lib/migrate.ts';
import { randomBytes } from '../../src/lib/secret.ts';
import { STREAM_CLOSE, makeId } from '../../src/protocol/index.ts';
import { giveUpEnds } from '../../src/town/containers/abandon-container.ts';
import { beginRemoval, finishRemoval } from '../../src/town/remove-town.ts';
import { townPorts } from '../../src/town/town-ports.ts';
import { tablesOf } from './support/footprint.ts';
import { HANGS, lab, type LabRequest } from './support/lab.ts';
import { RawReader } from './support/raw-reader.ts';
import { issuedTokensOf } from './support/scene.ts';
import { TestTown, api } from './support/town.ts';
import { weather, type Strike } from './support/weather.ts';
import { World } from './support/world.ts';
import { CONTAINER_SECRET, deployment, labTownWiring } from './support/wiring.ts';
import { PATIENT } from '../support/patient.ts';

/** The directory of a file outlives its tests: each looks at its own towns only. */
beforeEach(async () => {
  await env.DIRECTORY.prepare('DELETE FROM towns').run();
});

const ELEVEN_MINUTES_MS = 11 * 60_000;
const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };
const DOWN = () => ({ status: 500, headers: {}, body: '' });

type Deleted = { id: string; status: string };
const remove = async (town: TestTown) => (await town.api<Deleted>('DELETE', '')).status;
const beat = async (bearer: string) => {
  const { status, body } = await api<{ code?: string }>('POST', '/v1/agent/heartbeat', HEARTBEAT, bearer);
  return `${status} ${body.code ?? ''}`;
};
const newestToken = (town: TestTown, index = 0): string => issuedTokensOf(town, index).at(-1)?.token ?? '';

const entryOf = (town: TestTown) =>
  env.DIRECTORY.prepare('SELECT * FROM towns WHERE id = ?').bind(town.id).first<{ deleted_at_ms: number | null }>();

/** What is left of a town, anywhere: nothing is an empty list. */
async function leftOf(town: TestTown, containers = 1): Promise<string[]> {
  const objects = [tablesOf('town', town.stub)];
  for (let index = 0; index < containers; index += 1) {
    objects.push(tablesOf(`container ${index}`, env.AGENT_CONTAINER.getByName(town.containerName(index))));
  }
  const left = (await Promise.all(objects)).flatMap((tables) => Object.keys(tables));
  return (await entryOf(town)) === null ? left : [...left, 'the entry'];
}

async function watchdog(): Promise<void> {
  const { config } = await deployment();
  const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
  await watchTowns({ ...edgeOf(env, config), clock: lab.clock, log: silent });
}

/** No route lets a caller in. */
async function expectShut(town: TestTown, tokens: readonly string[]): Promise<void> {
  for (const path of ['', '/health', '/agents', '/events', '/agents/ada', '/agents/ada/messages']) {
    expect((await town.api('GET', path)).status, path).toBe(404);
  }
  for (const path of ['/agents', '/refresh', '/restored', '/tickets', '/agents/ada/start', '/agents/ada/messages']) {
    expect((await town.api('POST', path, { name: 'new', content: 'x' })).status, path).toBe(404);
  }
  const { body } = await api<{ items: { id: string }[] }>('GET', '/v1/towns');
  expect(body.items.map(({ id }) => id)).not.toContain(town.id);
  for (const token of tokens) expect(await beat(token)).toBe('401 invalid_token');
}

describe('the deletion of a town', () => {
  it('ends its sessions in the process that it shared with another town, whose own goes on', async () => {
    const other = await TestTown.create();
    const town = await TestTown.create();
    town.container().joinProcessOf(other.container());
    await other.agent('ada');
    await town.agent('ada');
    expect((await town.api<Deleted>('DELETE', '')).status).toBe(200);
    const closings = town.container().requests.filter(({ method }) => method === 'DELETE');
    expect(closings.map(({ path }) => path)).toEqual(['/session']);
    const { method, path, headers, body } = closings[0] ?? { method: '', path: '', headers: {}, body: '' };
    expect((await town.container().ask({ method, path, headers, body })).body).toContain('unknown_session');
    expect((await other.api<{ ok: number }>('POST', '/agents/ada/refresh', {})).body).toMatchObject({ due: 1 });
    expect((await other.read('ada')).incarnation).toBe(1);
  });

  it('is 200 where its containers confirm: tokens are refused, its routes are 404, and nothing of it is left', async () => {
    const other = await TestTown.create();
    await other.agent('ada');
    const town = await TestTown.create();
    for (const name of ['ada', 'a2', 'a3', 'a4', 'a5']) await town.agent(name);
    await town.work('ada');
    const tokens = [newestToken(town, 0), newestToken(town, 1)];
    for (const token of tokens) expect(await beat(token)).toBe('200 ');
    const { status, body } = await town.api<Deleted>('DELETE', '');
    expect([status, body]).toEqual([200, { id: town.id, status: 'deleted' }]);
    await expectShut(town, tokens);
    expect([0, 1].map((index) => town.container(index).registry.size)).toEqual([0, 0]);
    expect(await leftOf(town, 2)).toEqual([]);
    expect(await remove(town)).toBe(404);
    expect((await other.read('ada')).state).toBe('idle');
    expect(await beat(newestToken(other))).toBe('200 ');
  });

  it('is 202 where a container has yet to confirm, again and again; what it promises holds, and the alarm finishes it', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.work('ada');
    const token = newestToken(town);
    town.container().before = DOWN;
    expect(await town.api<Deleted>('DELETE', '')).toMatchObject({ status: 202, body: { status: 'deleting' } });
    await expectShut(town, [token]);
    expect(await remove(town)).toBe(202);
    expect(await town.alarmAt()).not.toBeNull();
    await town.ring();
    expect(await leftOf(town)).not.toEqual([]);
    town.container().before = () => null;
    await town.elapse(10 * 60_000);
    expect(await leftOf(town)).toEqual([]);
    expect(town.container().registry.size).toBe(0);
    expect(await remove(town)).toBe(404);
  });

  it('is 200 for one that asks again after the container came back', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    town.container().before = DOWN;
    expect(await remove(town)).toBe(202);
    town.container().before = () => null;
    expect(await remove(town)).toBe(200);
    expect(await leftOf(town)).toEqual([]);
  });

  it('is not held up by a container that hangs: the others confirm meanwhile', async () => {
    const town = await TestTown.create();
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) await town.agent(name);
    town.container(0).before = () => HANGS;
    expect(await remove(town)).toBe(202);
    expect(town.container(1).registry.size).toBe(0);
    // One request timed out there, and three more were not waited for.
    expect(town.container(0).requests.filter(({ path }) => path.endsWith('/retire'))).toHaveLength(1);
  });

  it.each([
    ['never answers', () => true],
    ['answers everything but the teardowns', ({ path }: LabRequest) => path.endsWith('/retire')],
  ])('ends within ten minutes and a few requests where a container %s', async (_, isLost) => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.work('ada');
    const token = newestToken(town);
    let requests = 0;
    town.container().network = (request, send) => {
      requests += 1;
      return isLost(request) ? Promise.reject(new DOMException('no answer', 'TimeoutError')) : send();
    };
    expect(await remove(town)).toBe(202);
    await expectShut(town, [token]);
    await town.elapse(ELEVEN_MINUTES_MS);
    expect(await leftOf(town)).toEqual([]);
    expect(requests).toBeLessThan(20);
    expect(await remove(town)).toBe(404);
    // What is left there can do nothing.
    expect(await beat(token)).toBe('401 invalid_token');
  });

  it('ends also where the object of a container is never reached', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const broken = (): never => {
      throw new Error('the object is overloaded');
    };
    const seen = await runInDurableObject(town.stub, async (_, state) => {
      const p = townPorts(state, labTownWiring(broken));
      const left: boolean[] = [];
      beginRemoval(p);
      p.transaction(() => giveUpEnds(p, 0));
      for (const wait of [0, ELEVEN_MINUTES_MS]) {
        lab.clock.advance(wait);
        await finishRemoval(p);
        left.push(isMigrated(state.storage.sql));
      }
      return left;
    });
    expect(seen).toEqual([true, false]);
  });

  it('wakes no container that sleeps: no agent is in it', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    town.container().sleep();
    expect(await remove(town)).toBe(200);
    expect(town.container().wakes).toBe(0);
    expect(await leftOf(town)).toEqual([]);
  });

  it('ends its streams, which cannot be opened again', async () => {
    const town = await TestTown.create();
    const reader = await RawReader.open(town);
    expect(await remove(town)).toBe(200);
    await vi.waitFor(() => expect(reader.closed?.code).toBe(STREAM_CLOSE.ended.code), PATIENT);
    expect((await town.api('POST', '/tickets')).status).toBe(404);
  });

  it('takes away what a creation left that died before the town, and a town without agents', async () => {
    const half = new TestTown(makeId('town', randomBytes(20)));
    const entry = { id: half.id, name: 'half', owner: 'dev', createdAtMs: lab.clock.now() };
    await new Directory(env.DIRECTORY).create(entry);
    const empty = await TestTown.create();
    for (const town of [half, empty]) {
      expect(await remove(town)).toBe(200);
      expect(await leftOf(town, 0)).toEqual([]);
    }
  });

  it('is passed over by a hello, and is nothing that a late report brings back', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.work('ada', 5);
    expect(await remove(town)).toBe(200);
    lab.clock.advance(60_000);
    await api('POST', '/v1/container/hello', { version: 1 }, CONTAINER_SECRET);
    await watchdog();
    expect(await leftOf(town)).toEqual([]);
  });
});

/** Every step of a deletion, and how it is cut. */
const CUTS: readonly (readonly [effect: string, fault: Strike['fault']])[] = [
  ['directory.markDeleted', 'dies after'],
  ['town.planRemoval', 'dies before'],
  ['town.planRemoval', 'dies after'],
  ['link.retire', 'dies before'],
  ['link.retire', 'dies after'],
  ['link.destroy', 'dies before'],
  ['link.destroy', 'dies after'],
  ['wipe', 'dies before'],
  ['wipe', 'breaks before'],
  ['wipe', 'dies after'],
  ['directory.remove', 'dies before'],
  ['directory.remove', 'dies after'],
];

describe('a deletion that is cut', () => {
  it.each(CUTS)(
    'at %s, where the town %s, is finished by the alarm or the watchdog, without a request',
    async (effect, fault) => {
      const world = await World.create();
      const { town } = world;
      await world.create('ada');
      await world.work(['ada'], 3000);
      const token = newestToken(town);
      weather.begin(town.id, { layer: 'town', effect, nth: 1, fault });
      const answered = await remove(town);
      await world.settled();
      expect(weather.struck, 'the fault happened').toBe(true);
      weather.end();
      expect((await town.api('GET', '')).status).toBe(404);
      // An answer that it is deleted, or being deleted, was true.
      if (answered < 300) expect(await beat(token)).toBe('401 invalid_token');
      for (let round = 0; round < 4 && (await leftOf(town)).length > 0; round += 1) {
        if ((await town.alarmAt()) !== null) await world.ring();
        await world.settled();
        lab.clock.advance(ELEVEN_MINUTES_MS);
        await watchdog();
        await world.settled();
      }
      expect(await leftOf(town)).toEqual([]);
      expect(town.container().registry.size).toBe(0);
      expect(await beat(token)).toBe('401 invalid_token');
    },
  );
});
