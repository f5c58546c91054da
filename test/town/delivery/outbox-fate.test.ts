/** What becomes of an accepted message in bad weather: one final state, in order, and never twice within an incarnation. */
import { env, evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { MAX_BROKEN_TURNS, type DeliverMessages, type Problem } from '../../../src/protocol/index.ts';
import { lab, type LabRequest } from '../support/lab.ts';
import { TestTown } from '../support/town.ts';

const MINUTE_MS = 60_000;

const isDelivery = ({ path }: LabRequest): boolean => path.endsWith('/messages');

/** (message, attempt) of every delivery that reached the container, in order. */
const deliveries = (town: TestTown): { message: string; attempt: number }[] =>
  town
    .container()
    .requests.filter(isDelivery)
    .flatMap(({ body }) => (JSON.parse(body) as DeliverMessages).messages)
    .map(({ message, attempt }) => ({ message, attempt }));

const turnsOf = (message: string) => lab.turns.filter((turn) => turn.message === message);

const eventsOf = async (town: TestTown, type: string) => (await town.events()).filter((event) => event.type === type);

/** The control server died and another one came up, whose hello reaches this town. */
async function crash(town: TestTown): Promise<void> {
  town.container().restart();
  await env.TOWN.getByName(town.id).hello();
}

/** Time passes, a minute at a time, until a message is in a state, in this attempt or a later one. */
async function elapseUntil(town: TestTown, id: string, state: string, attempt = 1): Promise<void> {
  for (let minute = 0; minute < 60; minute += 1) {
    await town.elapse(MINUTE_MS);
    const message = await town.message('ada', id);
    if (message.state === state && message.attempts >= attempt) return;
  }
  throw new Error(`${id} is not ${state}`);
}

describe('an accepted message', () => {
  it('K-08: reaches one final state, in order, never twice within an incarnation, through a crash, an eviction and a repeated alarm', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const sent: string[] = [];
    for (const content of ['work 5', 'two', 'fail', 'work 2', 'five', 'six']) {
      sent.push((await town.send('ada', content)).id);
    }
    const cancelled = (await town.send('ada', 'seven')).id;
    await town.until('ada', sent[0] ?? '', 'working');
    await crash(town);
    await town.api('DELETE', `/agents/ada/messages/${cancelled}`);
    await evictDurableObject(town.stub);
    for (let round = 0; round < 4; round += 1) {
      await runDurableObjectAlarm(town.stub);
      await runDurableObjectAlarm(town.stub);
      await town.elapse(MINUTE_MS);
    }
    await town.until('ada', sent.at(-1) ?? '', 'done');
    const finished = (await eventsOf(town, 'reeve.turn.finished')).map(({ data }) => data['message']);
    expect(finished.filter((id) => id !== cancelled)).toEqual(sent);
    const states = await Promise.all(sent.map(async (id) => (await town.message('ada', id)).state));
    expect(states).toEqual(['done', 'done', 'failed', 'done', 'done', 'done']);
    const runs = lab.turns.filter(({ message }) => [...sent, cancelled].includes(message));
    const once = new Set(runs.map(({ inc, message }) => `${inc} ${message}`));
    expect(runs).toHaveLength(once.size);
    expect((await town.message('ada', cancelled)).state).toMatch(/^(cancelled|done)$/);
  });

  it('M-39: that was probably delivered is sent again under its own id, and runs once', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    town.container().after = (request, answer) =>
      isDelivery(request) ? { status: 502, headers: {}, body: '' } : answer;
    const { id } = await town.send('ada', 'hello');
    await expect.poll(() => deliveries(town).length).toBe(1);
    await town.elapse(10 * MINUTE_MS);
    town.container().after = (_, answer) => answer;
    await elapseUntil(town, id, 'done');
    expect(new Set(deliveries(town).map(({ message, attempt }) => `${message} ${attempt}`))).toEqual(
      new Set([`${id} 1`]),
    );
    expect(turnsOf(id)).toHaveLength(1);
  });

  it.each([
    ['429 with a Retry-After', () => ({ status: 429, headers: { 'retry-after': '20' }, body: '' })],
    ['500', () => ({ status: 500, headers: {}, body: '' })],
    ['502', () => ({ status: 502, headers: {}, body: '' })],
    ['503', () => ({ status: 503, headers: {}, body: '' })],
    ['a network that fails', () => Promise.reject(new TypeError('connection reset'))],
  ])('is sent again as the same attempt after %s, and fails nothing', async (_, answer) => {
    const town = await TestTown.create();
    await town.agent('ada');
    let refusals = 0;
    town.container().network = async (request, send) => {
      if (!isDelivery(request) || refusals === 3) return send();
      refusals += 1;
      return answer();
    };
    const { id } = await town.send('ada', 'hello');
    await elapseUntil(town, id, 'done');
    expect([refusals, deliveries(town)]).toEqual([3, [{ message: id, attempt: 1 }]]);
    expect(await town.message('ada', id)).toMatchObject({ attempts: 1, error: null });
  });

  it('waits for a container that starts cold, and keeps its attempt', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    town.container().sleep();
    const { id } = await town.send('ada', 'hello');
    await town.until('ada', id, 'done');
    expect(town.container().wakes).toBe(1);
    expect((await town.message('ada', id)).attempts).toBe(1);
  });

  it('is sent to a container that fails after 15 s, and then less and less often, every five minutes at last', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    town.container().before = (request) => (isDelivery(request) ? { status: 500, headers: {}, body: '' } : null);
    await town.send('ada', 'hello');
    await expect.poll(() => deliveries(town).length).toBe(1);
    await town.elapse(16_000);
    expect(deliveries(town)).toHaveLength(2);
    await town.elapse(60 * MINUTE_MS);
    expect(deliveries(town).length).toBeGreaterThan(12);
    expect(deliveries(town).length).toBeLessThan(20);
  });

  it(`fails when it is lost in ${MAX_BROKEN_TURNS} turns, with an event, and the queue goes on`, async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const { id } = await town.send('ada', 'work 3000');
    const { id: next } = await town.send('ada', 'hello');
    for (let turn = 1; turn <= MAX_BROKEN_TURNS; turn += 1) {
      await elapseUntil(town, id, 'working', turn);
      expect((await town.message('ada', id)).attempts).toBe(turn);
      await crash(town);
    }
    await elapseUntil(town, next, 'done');
    expect(await town.message('ada', id)).toMatchObject({ state: 'failed', error: 'attempts_exhausted' });
    const dead = await eventsOf(town, 'reeve.message.dead_lettered');
    expect(dead.map(({ data }) => data)).toEqual([{ messages: [id], error: 'attempts_exhausted' }]);
    expect(turnsOf(id)).toHaveLength(MAX_BROKEN_TURNS);
  });

  it('that only waited in a container that is gone is never given up, however often', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const { id: first } = await town.send('ada', 'work 3000');
    const { id } = await town.send('ada', 'hello');
    for (let turn = 1; turn < MAX_BROKEN_TURNS; turn += 1) {
      await elapseUntil(town, first, 'working', turn);
      await crash(town);
    }
    await elapseUntil(town, first, 'working', MAX_BROKEN_TURNS);
    expect(await town.message('ada', id)).toMatchObject({ state: 'delivered', attempts: MAX_BROKEN_TURNS });
    await town.api('POST', '/agents/ada/stop');
    await town.api('POST', '/agents/ada/start');
    await elapseUntil(town, id, 'done');
  });
});

describe('an interrupt', () => {
  it('ends the turn as failed, and the same process goes on with the next message', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const { id } = await town.work('ada');
    const { id: next } = await town.send('ada', 'hello');
    const before = await town.read('ada');
    expect((await town.api('POST', '/agents/ada/interrupt')).status).toBe(200);
    expect(await town.until('ada', id, 'failed')).toMatchObject({ error: 'interrupted', reply: null });
    await town.until('ada', next, 'done');
    const { process_id, incarnation } = await town.read('ada');
    expect({ process_id, incarnation }).toEqual({ process_id: before.process_id, incarnation: before.incarnation });
  });

  it('of an agent that is in no turn, or runs nowhere, changes nothing', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    expect((await town.api('POST', '/agents/ada/interrupt')).status).toBe(200);
    await town.api('POST', '/agents/ada/stop');
    const requests = town.container().requests.length;
    expect((await town.api('POST', '/agents/ada/interrupt')).status).toBe(200);
    expect(town.container().requests.length).toBe(requests);
  });

  it('of an agent that was torn down, or is not there, is refused', async () => {
    const town = await TestTown.create();
    const { id } = await town.agent('ada');
    await town.api('DELETE', '/agents/ada');
    expect((await town.api('POST', `/agents/${id}/interrupt`)).status).toBe(409);
    expect((await town.api('POST', '/agents/nobody/interrupt')).status).toBe(404);
  });

  it('says so where the control server does not know how, or is not reached; the turn goes on', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const { id } = await town.work('ada');
    const old = { type: 'about:blank', title: 'No such route', status: 404, code: 'not_found' };
    for (const [status, body, code] of [
      [404, JSON.stringify(old), 'not_supported'],
      [502, '', 'unavailable'],
    ] as const) {
      town.container().before = ({ path }) => (path.endsWith('/interrupt') ? { status, headers: {}, body } : null);
      const answer = await town.api<Problem>('POST', '/agents/ada/interrupt');
      expect([answer.status, answer.body.code]).toEqual([status === 404 ? 501 : 503, code]);
    }
    expect((await town.message('ada', id)).state).toBe('working');
  });

  it('that finds another incarnation than it was meant for is no success: the agent is gone, and its message runs again', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const { id } = await town.work('ada');
    town.container().restart();
    expect((await town.api('POST', '/agents/ada/interrupt')).status).toBe(503);
    await elapseUntil(town, id, 'working', 2);
    expect((await town.message('ada', id)).attempts).toBe(2);
  });
});
