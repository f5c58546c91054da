import { describe, expect, it, vi } from 'vitest';
import { Slots } from '../../../src/town/state/slots.ts';
import type { LabRequest } from '../support/lab.ts';
import { lastTokenOf } from '../support/tokens.ts';
import { MINUTE } from '../support/passing.ts';
import { TestTown, api } from '../support/town.ts';
import { CONTAINER_SECRET } from '../support/wiring.ts';
import type { AgentView, MessageView, TownHealth } from '../../../src/protocol/index.ts';

const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };
const beat = (bearer: string) => api<{ code: string }>('POST', '/v1/agent/heartbeat', HEARTBEAT, bearer);

describe('teardown', () => {
  it('K-07: from its answer on the old token is refused; 200 says that process and key are gone', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    const { id } = await town.work('ada');
    const token = lastTokenOf(ada);
    expect((await beat(token)).status).toBe(200);
    const { status, body } = await town.api<AgentView>('DELETE', '/agents/ada');
    expect([status, body.state, body.process_id]).toEqual([200, 'retired', null]);
    const refused = await beat(token);
    expect([refused.status, refused.body.code]).toEqual([401, 'agent_retired']);
    expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="reeve", error="invalid_token"');
    const message = (await town.api<MessageView>('GET', `/agents/${body.id}/messages/${id}`)).body;
    expect(message).toMatchObject({ state: 'failed', error: 'agent_retired' });
  });

  it('K-07: 202 says that the container has yet to confirm; it is asked again until it does', async () => {
    const town = await TestTown.create();
    const { id } = await town.agent('ada');
    town.container().before = () => ({ status: 500, headers: {}, body: '' });
    const { status } = await town.api<AgentView>('DELETE', '/agents/ada');
    expect(status).toBe(202);
    expect(await town.alarmAt()).not.toBeNull();
    town.container().before = () => null;
    await town.elapse(60_000);
    const again = await town.api<AgentView>('DELETE', `/agents/${id}`);
    expect([again.status, again.body.state]).toEqual([200, 'retired']);
    const types = (await town.events()).map(({ type }) => type);
    expect(types.filter((type) => type === 'reeve.agent.teardown_confirmed')).toHaveLength(1);
  });

  it('K-07: a push that lands after the teardown answers retired and brings nothing back', async () => {
    const town = await TestTown.create();
    const { id } = await town.agent('ada');
    // The push is held in the network until the teardown is through.
    let release = (): void => undefined;
    let seen: LabRequest | null = null;
    const held = new Promise<void>((resolve) => (release = resolve));
    let answered = '';
    town.container().before = async (request) => {
      if (!request.path.endsWith('/refresh-token')) return null;
      seen = request;
      await held;
      return null;
    };
    town.container().after = (request, answer) => {
      if (request.path.endsWith('/refresh-token')) answered = answer.body;
      return answer;
    };
    const push = town.api('POST', '/agents/ada/refresh', {});
    await expect.poll(() => seen).not.toBeNull();
    const { status } = await town.api<AgentView>('DELETE', `/agents/${id}`);
    expect(status).toBe(200);
    release();
    await push;
    expect(JSON.parse(answered)).toMatchObject({ agent: id, outcome: 'retired' });
    expect((await town.read(id)).state).toBe('retired');
  });

  it.each([
    ['refuses', () => Promise.resolve({ status: 503, headers: {}, body: '' })],
    ['is not reached', () => Promise.reject(new TypeError('connection refused'))],
    ['hangs', () => Promise.reject(new DOMException('no answer in time', 'TimeoutError'))],
  ])(
    'is given up with a container that %s for ten minutes: no alarm is left, and a repeat says that it is not confirmed',
    async (_, answer) => {
      const town = await TestTown.create();
      const { id } = await town.agent('ada');
      let requests = 0;
      town.container().network = () => {
        requests += 1;
        return answer();
      };
      expect((await town.api('DELETE', '/agents/ada')).status).toBe(202);
      await town.elapse(15 * MINUTE);
      expect(await town.alarmAt()).toBeNull();
      expect(requests).toBeLessThan(20);
      const before = requests;
      await town.elapse(24 * 60 * MINUTE);
      expect(requests).toBe(before);
      expect((await town.api('DELETE', `/agents/${id}`)).status).toBe(202);
      const { reasons } = (await town.api<TownHealth>('GET', '/health')).body;
      expect(reasons.map(({ code }) => code)).toContain('container_lost');
      // What still ran there ends with the session that is opened when it is back.
      town.container().network = (_, send) => send();
      expect(town.container().registry.size).toBe(1);
      await api('POST', '/v1/container/hello', { version: 1 }, CONTAINER_SECRET);
      await expect.poll(() => town.container().registry.size).toBe(0);
      expect((await town.api('DELETE', `/agents/${id}`)).status).toBe(200);
      const types = (await town.events()).map(({ type }) => type);
      expect(types.filter((type) => type === 'reeve.agent.teardown_confirmed')).toHaveLength(1);
    },
  );

  it('a stop that no container confirms is given up in the same way, and what the agent held is queued again', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const { id } = await town.work('ada');
    town.container().network = () => Promise.reject(new TypeError('connection refused'));
    await town.api('POST', '/agents/ada/stop');
    expect((await town.message('ada', id)).state).toBe('working');
    await town.elapse(15 * MINUTE);
    expect(await town.alarmAt()).toBeNull();
    expect(await town.message('ada', id)).toMatchObject({ state: 'queued', attempts: 2 });
    town.container().network = (_, send) => send();
    await town.api('POST', '/agents/ada/start');
    await town.until('ada', id, 'working');
    expect(town.container().registry.size).toBe(1);
  });

  it('a new session that no container opens after a restore is given up in the same way', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.api('DELETE', '/agents/ada');
    let requests = 0;
    town.container().network = () => {
      requests += 1;
      return Promise.reject(new TypeError('connection refused'));
    };
    await town.api('POST', '/restored');
    await town.elapse(15 * MINUTE);
    expect(await town.alarmAt()).toBeNull();
    expect(requests).toBeLessThan(40);
  });

  it('frees the name: another agent of that name has another id, and the old token stays refused', async () => {
    const town = await TestTown.create();
    const first = await town.agent('ada');
    await town.work('ada');
    const token = lastTokenOf(first);
    await town.api('DELETE', '/agents/ada');
    const second = await town.agent('ada');
    expect(second.id).not.toBe(first.id);
    expect((await beat(token)).body.code).toBe('agent_retired');
  });
});

describe('stop, start and revoke', () => {
  it('a stop that lands while a message waits for its turn in a container that sleeps: nothing starts the agent', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.agent('bob');
    // Both run nowhere: the next message of each would start it.
    town.container().sleep();
    await town.api('POST', '/refresh', {});
    const gate = Promise.withResolvers<void>();
    const isAdasStart = ({ path }: LabRequest): boolean => path === `/agents/${ada.id}/start`;
    town.container().before = async (request) => {
      if (isAdasStart(request)) await gate.promise;
      return null;
    };
    await town.send('ada', 'one');
    await expect.poll(() => town.container().requests.some(isAdasStart)).toBe(true);
    const queued = vi.spyOn(Slots.prototype, 'run');
    const { id } = await town.send('bob', 'two');
    await expect.poll(() => queued.mock.calls.length).toBe(1);
    queued.mockRestore();
    const stopping = town.api('POST', '/agents/bob/stop');
    await expect.poll(async () => (await town.read('bob')).state).toBe('stopped');
    gate.resolve();
    await stopping;
    await town.elapse(MINUTE);
    expect(await town.read('bob')).toMatchObject({ state: 'stopped', incarnation: 1 });
    expect((await town.message('bob', id)).state).toBe('queued');
  });

  it('A-23: start and stop are idempotent: a repeat changes no incarnation and restarts nothing', async () => {
    const town = await TestTown.create();
    const before = await town.agent('ada');
    const started = await town.api<AgentView>('POST', '/agents/ada/start');
    expect(started.body).toMatchObject({ incarnation: 1, process_id: before.process_id, state: 'idle' });
    const stopped = await town.api<AgentView>('POST', '/agents/ada/stop');
    expect(stopped.body).toMatchObject({ state: 'stopped', process_id: null, incarnation: 1 });
    const again = await town.api<AgentView>('POST', '/agents/ada/stop');
    expect(again.body).toEqual(stopped.body);
    const back = await town.api<AgentView>('POST', '/agents/ada/start');
    expect(back.body).toMatchObject({ state: 'idle', incarnation: 2 });
  });

  it('a stopped agent keeps its messages; they run, in order, when it is started again', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    const { id: cut } = await town.work('ada');
    const token = lastTokenOf(ada);
    await town.api('POST', '/agents/ada/stop');
    expect((await beat(token)).body.code).toBe('agent_stopped');
    const { id: later } = await town.send('ada', 'later');
    expect((await town.message('ada', cut)).state).toBe('queued');
    await town.elapse(600_000);
    expect((await town.message('ada', later)).state).toBe('queued');
    await town.api('POST', '/agents/ada/start');
    expect(await town.until('ada', cut, 'working')).toMatchObject({ attempts: 2 });
    expect((await beat(token)).body.code).toBe('incarnation_superseded');
  });

  it('a revoked agent gets no token on any path until a person starts it again', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.work('ada');
    const token = lastTokenOf(ada);
    const { minted } = (await town.read('ada')).credential;
    const revoked = await town.api<AgentView>('POST', '/agents/ada/revoke');
    expect(revoked.body.credential.revoked_at).not.toBeNull();
    expect((await beat(token)).body.code).toBe('agent_revoked');
    const forced = await town.api<{ results: { outcome: string }[] }>('POST', '/agents/ada/refresh', {});
    expect(forced.body.results[0]?.outcome).toBe('agent_revoked');
    const { id } = await town.send('ada', 'wait');
    await town.elapse(4 * 3_600_000);
    expect((await town.read('ada')).credential.minted).toBe(minted);
    expect((await town.message('ada', id)).state).toBe('queued');
    const started = await town.api<AgentView>('POST', '/agents/ada/start');
    expect(started.body).toMatchObject({ incarnation: 2, credential: { revoked_at: null } });
    expect((await beat(token)).status).toBe(401);
  });
});
