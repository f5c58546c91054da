/** A container that was not reached and is heard again: what waited for it goes out with the sign, and not with its next retry. */
import { runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { ContainerStore } from '../../../src/town/state/container-store.ts';
import { lab } from '../support/lab.ts';
import { takeSnapshot } from '../support/snapshot.ts';
import { sessionOf } from '../support/scene.ts';
import { lastTokenOf } from '../support/tokens.ts';
import { TestTown, api } from '../support/town.ts';
import { CONTAINER_SECRET } from '../support/wiring.ts';
import type { AgentView } from '../../../src/protocol/index.ts';

const MINUTE_MS = 60_000;
const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };

/**
 * As after SIGSTOP: requests time out, and no agent in the container calls. Returns what lets it go on, without a sign of
 * life so far.
 */
function suspend(town: TestTown, broken: () => Error = () => new DOMException('timed out', 'TimeoutError')) {
  const container = town.container();
  const tried: { at: number; path: string }[] = [];
  container.network = async ({ path }) => {
    tried.push({ at: lab.clock.now(), path });
    throw broken();
  };
  container.outgoing = () => Promise.reject(new TypeError('suspended'));
  return { tried, resume: () => void (container.network = (_, send) => send()) };
}

const containerOf = (town: TestTown) =>
  runInDurableObject(town.stub, (_, { storage }) => new ContainerStore(storage.sql).get(0));

interface Sign {
  readonly sign: string;
  readonly give: (town: TestTown, ada: AgentView, bearer: string) => Promise<{ status: number }>;
}

const SIGNS: Sign[] = [
  { sign: 'a heartbeat', give: (_, __, bearer) => api('POST', '/v1/agent/heartbeat', HEARTBEAT, bearer) },
  {
    sign: 'an event',
    give: async (town, _, bearer) => {
      const [message] = (await takeSnapshot(town.stub)).messages;
      const at = new Date(lab.clock.now()).toISOString();
      const events = [{ type: 'turn.delta', message: message?.id, attempt: 1, at, text: 'still here' }];
      return api('POST', '/v1/agent/events', { counter: 1_000_000, events }, bearer);
    },
  },
  {
    sign: 'any other call of an agent in it',
    give: (_, __, bearer) => api('GET', '/v1/agent/peers', undefined, bearer),
  },
  {
    sign: 'a pull',
    give: (town, ada) => {
      const { session, secret } = sessionOf(town);
      const path = `/v1/container/${town.containerName()}/agents/${ada.id}/token`;
      return api('POST', path, { session, inc: 1, gen: 1 }, secret);
    },
  },
  { sign: 'a hello', give: () => api('POST', '/v1/container/hello', { version: 1 }, CONTAINER_SECRET) },
  { sign: 'an answer to any request', give: (town) => town.api('POST', '/agents/ada/refresh', {}) },
];

describe('a container that is heard again after it was suspended', () => {
  it.each(SIGNS)('by $sign: its messages, ends and pushes go out at once', async ({ give }) => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    for (const name of ['bob', 'cat']) await town.agent(name);
    await town.work('ada');
    const bearer = lastTokenOf(ada);
    const { resume } = suspend(town);
    const { id } = await town.send('ada', 'hello');
    const { id: other } = await town.send('bob', 'hello');
    await town.api('POST', '/agents/cat/stop');
    await town.elapse(7 * MINUTE_MS);
    resume();
    const since = lab.clock.now();
    expect((await town.message('ada', id)).state).toBe('queued');
    expect((await containerOf(town))?.backoffUntilMs).toBeGreaterThan(since);
    expect((await give(town, ada, bearer)).status).toBeLessThan(300);
    // A hello is heard behind its answer.
    await expect
      .poll(async () => {
        await town.elapse(1);
        return (await town.message('ada', id)).state;
      })
      .toBe('delivered');
    await expect.poll(async () => (await town.message('bob', other)).state).not.toBe('queued');
    const snapshot = await takeSnapshot(town.stub);
    expect(snapshot.agents.map(({ agent }) => agent.endDueAtMs)).toEqual([null, null, null]);
    expect(await containerOf(town)).toMatchObject({ backoffUntilMs: 0, failures: 0, unheardSinceMs: null });
    expect(lab.clock.now() - since).toBeLessThan(1000);
  });

  it('starts what waited for it to start', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.work('ada');
    const bearer = lastTokenOf(ada);
    const { resume } = suspend(town);
    await town.agent('late');
    await town.elapse(7 * MINUTE_MS);
    expect((await town.read('late')).state).toBe('starting');
    resume();
    await api('POST', '/v1/agent/heartbeat', HEARTBEAT, bearer);
    await town.elapse(10);
    await expect.poll(async () => (await town.read('late')).state).toBe('idle');
  });

  it('after a network that failed, which holds nothing back but the retries, too', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.work('ada');
    const bearer = lastTokenOf(ada);
    const { resume } = suspend(town, () => new TypeError('the connection was reset'));
    const { id } = await town.send('ada', 'hello');
    await town.elapse(7 * MINUTE_MS);
    resume();
    await api('POST', '/v1/agent/heartbeat', HEARTBEAT, bearer);
    await town.elapse(10);
    await expect.poll(async () => (await town.message('ada', id)).state).toBe('delivered');
  });
});

describe('a container that speaks and cannot be reached', () => {
  it('is tried ever more rarely, however often it speaks', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.work('ada');
    const bearer = lastTokenOf(ada);
    const { tried } = suspend(town);
    await town.send('ada', 'hello');
    for (let step = 0; step < 240; step += 1) {
      await town.elapse(MINUTE_MS / 4);
      await api('POST', '/v1/agent/heartbeat', HEARTBEAT, bearer);
    }
    const end = lab.clock.now();
    const deliveries = tried.filter(({ path }) => path.endsWith('/messages'));
    const late = deliveries.filter(({ at }) => at > end - 30 * MINUTE_MS);
    expect(deliveries.length).toBeGreaterThan(8);
    // By itself and by a sign, once in five minutes each.
    expect(late.length).toBeLessThanOrEqual(12);
  });

  it('and asks for time is not asked before that is over', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.work('ada');
    let asked = 0;
    town.container().network = async ({ path }, send) => {
      if (!path.endsWith('/messages')) return send();
      asked += 1;
      return { status: 503, headers: { 'retry-after': '120' }, body: '' };
    };
    const { id } = await town.send('ada', 'hello');
    await expect.poll(() => asked).toBe(1);
    await expect.poll(async () => (await containerOf(town))?.backoffUntilMs).toBeGreaterThan(0);
    for (let step = 0; step < 11; step += 1) {
      await api('POST', '/v1/agent/heartbeat', HEARTBEAT, lastTokenOf(ada));
      await town.elapse(10_000);
    }
    expect(asked).toBe(1);
    await town.elapse(30_000);
    expect(asked).toBe(2);
    expect((await town.message('ada', id)).state).toBe('queued');
  });
});
