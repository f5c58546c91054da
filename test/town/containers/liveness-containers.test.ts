import { runInDurableObject } from 'cloudflare:test';
import { beforeEach, describe, expect, it } from 'vitest';
import type { AgentView, RunningAgents, TownHealth } from '../../../src/protocol/index.ts';
import { lab, type LabAnswer, type LabRequest } from '../support/lab.ts';
import { takeSnapshot } from '../support/snapshot.ts';
import { MINUTE, cutOff, eventsOf, pass, silence } from '../support/passing.ts';
import { sessionOf } from '../support/scene.ts';
import { lastTokenOf } from '../support/tokens.ts';
import { TestTown, api } from '../support/town.ts';
import { CONTAINER_SECRET } from '../support/wiring.ts';

beforeEach(() => {
  lab.heartbeatMs = 30_000;
});

const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };
const isProbe = ({ method, path }: LabRequest): boolean => method === 'GET' && path === '/agents';
const probesOf = (town: TestTown, index = 0) => town.container(index).requests.filter(isProbe);
const hello = () => api('POST', '/v1/container/hello', { version: 1 }, CONTAINER_SECRET);
const reasonsOf = async (town: TestTown) => (await town.api<TownHealth>('GET', '/health')).body.reasons;

async function atWork(...names: string[]): Promise<{ town: TestTown; agents: AgentView[]; ids: string[] }> {
  const town = await TestTown.create();
  const agents: AgentView[] = [];
  const ids: string[] = [];
  for (const name of names) {
    agents.push(await town.agent(name));
    ids.push((await town.work(name, 3600)).id);
  }
  return { town, agents, ids };
}

/** Lets the answers to probes say something else. */
function tamper(town: TestTown, change: (list: RunningAgents) => RunningAgents | Promise<RunningAgents>): void {
  town.container().after = async (request, answer): Promise<LabAnswer> => {
    if (!isProbe(request) || answer.status !== 200) return answer;
    return { ...answer, body: JSON.stringify(await change(JSON.parse(answer.body) as RunningAgents)) };
  };
}

describe('a probe', () => {
  it('asks the container of a silent agent who runs there, and changes nothing where all is held', async () => {
    const { town, agents, ids } = await atWork('ada');
    silence(agents[0]?.id ?? '');
    await pass(town, 5 * MINUTE);
    expect(probesOf(town).length).toBeGreaterThanOrEqual(1);
    expect(probesOf(town).length).toBeLessThanOrEqual(3);
    expect(await town.read('ada')).toMatchObject({ state: 'stalled', incarnation: 1 });
    expect(await town.message('ada', ids[0] ?? '')).toMatchObject({ state: 'working', attempts: 1 });
  });

  it('queues a message again that was handed over and is not held, as a new attempt', async () => {
    const { town, agents } = await atWork('ada');
    const { id } = await town.send('ada', 'later');
    await expect.poll(async () => (await town.message('ada', id)).state).toBe('delivered');
    tamper(town, ({ agents: [ada] }) => {
      if (ada === undefined) return { agents: [] };
      return { agents: [{ ...ada, messages: ada.messages.filter(({ message }) => message !== id) }] };
    });
    silence(agents[0]?.id ?? '');
    await pass(town, 3 * MINUTE);
    expect((await eventsOf(town, 'reeve.message.queued_again'))[0]).toEqual({ messages: [id] });
    expect((await town.message('ada', id)).attempts).toBeGreaterThanOrEqual(2);
    expect(await town.read('ada')).toMatchObject({ incarnation: 1 });
  });

  it('that misses a message of an agent which is stopped meanwhile leaves nothing due that no work serves', async () => {
    const { town, agents, ids } = await atWork('ada');
    const [id = ''] = ids;
    let stopped = false;
    tamper(town, async ({ agents: [ada] }) => {
      // The stop does not get through, so that the agent is still the one that was seen.
      town.container().before = ({ path }) => (path.endsWith('/stop') ? { status: 503, headers: {}, body: '' } : null);
      if (!stopped) await town.api('POST', '/agents/ada/stop');
      stopped = true;
      return { agents: ada === undefined ? [] : [{ ...ada, messages: [] }] };
    });
    silence(agents[0]?.id ?? '');
    await pass(town, 2 * MINUTE);
    expect(stopped).toBe(true);
    expect(await town.message('ada', id)).toMatchObject({ state: 'queued', attempts: 2 });
    // The stop that does not get through may be due at this very moment: its next try is not.
    await town.ring();
    const { due, alarm, now } = await takeSnapshot(town.stub);
    expect(due.delivery).toBeNull();
    expect((alarm ?? 0) - now, JSON.stringify(due)).toBeGreaterThan(1000);
  });

  it('leaves alone what was handed over while the container answered: a late list is no loss', async () => {
    const { town, agents } = await atWork('ada');
    let sent = '';
    tamper(town, async (list) => {
      if (sent !== '') return list;
      ({ id: sent } = await town.send('ada', 'in between'));
      await expect.poll(async () => (await town.message('ada', sent)).state).toBe('delivered');
      return list;
    });
    silence(agents[0]?.id ?? '');
    await pass(town, 3 * MINUTE);
    expect(sent).not.toBe('');
    expect(await town.message('ada', sent)).toMatchObject({ state: 'delivered', attempts: 1 });
    expect(await eventsOf(town, 'reeve.message.queued_again')).toEqual([]);
  });

  it('leaves alone a message that moved on while the container answered', async () => {
    const { town, agents, ids } = await atWork('ada');
    const [id = ''] = ids;
    const token = lastTokenOf(agents[0] ?? { id: '' });
    let isReported = false;
    tamper(town, async ({ agents: [ada] }) => {
      const at = new Date(lab.clock.now()).toISOString();
      const result = { state: 'done', reply: 'over', truncated: false };
      const events = [{ type: 'turn.finished', message: id, attempt: 1, at, result }];
      if (!isReported) await api('POST', '/v1/agent/events', { counter: 10_000, events }, token);
      isReported = true;
      return { agents: ada === undefined ? [] : [{ ...ada, messages: [] }] };
    });
    silence(agents[0]?.id ?? '');
    await pass(town, 3 * MINUTE);
    expect(isReported).toBe(true);
    expect(await town.message('ada', id)).toMatchObject({ state: 'done', attempts: 1, reply: 'over' });
  });

  it('queues a message again that is over there, while its result never came: the result is fetched, and no turn runs twice', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    let pages = 0;
    town.container().outgoing = async (path, send) => {
      if (!path.endsWith('/events')) return send();
      pages += 1;
      return new Response('<html>sign in</html>', { headers: { 'content-type': 'text/html' } });
    };
    const { id } = await town.send('ada', 'hello');
    await expect.poll(async () => (await town.message('ada', id)).state).toBe('delivered');
    await pass(town, 4 * MINUTE);
    expect(pages).toBeGreaterThan(1);
    await town.until('ada', id, 'done');
    expect(await town.message('ada', id)).toMatchObject({ state: 'done', attempts: 1, reply: 'You said: hello' });
    expect(lab.turns.filter(({ message }) => message === id)).toHaveLength(1);
    expect((await eventsOf(town, 'reeve.message.queued_again'))[0]).toEqual({ messages: [id] });
    expect(await town.read('ada')).toMatchObject({ state: 'idle', incarnation: 1 });
  });

  it('of a container that hangs is repeated ever more rarely, and delays no container elsewhere', async () => {
    const { town } = await atWork('a1', 'a2', 'a3', 'a4', 'a5');
    const hung: number[] = [];
    // As the deadline of the client ends it, without the real time that this takes.
    town.container(0).network = (request) => {
      if (isProbe(request)) hung.push(lab.clock.now());
      return Promise.reject(new DOMException('no answer in time', 'TimeoutError'));
    };
    town.container(0).outgoing = () => Promise.reject(new TypeError('the connection was reset'));
    await pass(town, 6 * MINUTE);
    const gaps = hung.slice(1).map((ms, nth) => ms - (hung[nth] ?? 0));
    expect(gaps.length).toBeGreaterThanOrEqual(2);
    expect(gaps).toEqual(gaps.toSorted((one, other) => one - other));
    expect(gaps[0]).toBeGreaterThanOrEqual(15_000);
    const { id } = await town.send('a5', 'hello');
    await expect.poll(async () => (await town.message('a5', id)).state).toBe('delivered');
  });
});

describe('a container whose many silent agents are looked at one after another', () => {
  it('is asked as often as its backoff says, not with each liveness check', async () => {
    const town = await TestTown.create();
    for (const name of ['a1', 'a2', 'a3', 'a4']) {
      await town.agent(name);
      await town.work(name, 3600);
      await pass(town, 20_000);
    }
    const asked: number[] = [];
    town.container().network = (request) => {
      if (isProbe(request)) asked.push(lab.clock.now());
      return Promise.reject(new TypeError('the connection was reset'));
    };
    town.container().outgoing = () => Promise.reject(new TypeError('the connection was reset'));
    await pass(town, 9 * MINUTE);
    // After the first: 15 s, 30 s, 1, 2, 4 min; and once for each agent when its silence is news.
    expect(asked.length).toBeLessThanOrEqual(9);
  });
});

describe('an agent is gone', () => {
  it('where its container answers a probe without it (unknown_agent): its next incarnation starts, the others go on', async () => {
    const { town, agents, ids } = await atWork('ada', 'bob');
    const [ada] = agents;
    tamper(town, ({ agents: all }) => ({ agents: all.filter(({ agent }) => agent !== ada?.id) }));
    silence(ada?.id ?? '');
    await pass(town, 2 * MINUTE);
    lab.silent.clear();
    town.container().after = (_, answer) => answer;
    expect(await eventsOf(town, 'reeve.agent.gone')).toEqual([{ incarnation: 1, why: 'unknown_agent' }]);
    await town.until('ada', ids[0] ?? '', 'working');
    expect(await town.message('ada', ids[0] ?? '')).toMatchObject({ attempts: 2 });
    expect(await town.read('ada')).toMatchObject({ incarnation: 2 });
    expect(await town.read('bob')).toMatchObject({ incarnation: 1, state: 'working' });
  });

  it('where its container runs another incarnation of it', async () => {
    const { town, agents } = await atWork('ada');
    tamper(town, ({ agents: all }) => ({ agents: all.map((agent) => ({ ...agent, inc: agent.inc + 7 })) }));
    silence(agents[0]?.id ?? '');
    await pass(town, 2 * MINUTE);
    expect((await eventsOf(town, 'reeve.agent.gone'))[0]).toEqual({ incarnation: 1, why: 'incarnation_mismatch' });
  });

  it('where another boot runs in its container, which does not know the session', async () => {
    const { town, ids } = await atWork('ada');
    town.container().restart();
    await pass(town, 3 * MINUTE);
    expect(await eventsOf(town, 'reeve.agent.gone')).toEqual([{ incarnation: 1, why: 'session_changed' }]);
    expect(await town.message('ada', ids[0] ?? '')).toMatchObject({ attempts: 2 });
  });

  it('where its container does not run: nothing is sent to it, and its turn wakes it, not the probe (T10)', async () => {
    const { town, ids } = await atWork('ada');
    town.container().sleep();
    await pass(town, 3 * MINUTE);
    expect(probesOf(town)).toEqual([]);
    expect(await eventsOf(town, 'reeve.agent.gone')).toEqual([{ incarnation: 1, why: 'asleep' }]);
    expect(town.container().wakes).toBe(1);
    await town.until('ada', ids[0] ?? '', 'working');
  });

  it('where it was stopped and the stop is confirmed, and where a higher incarnation is started', async () => {
    const { town, ids } = await atWork('ada', 'bob');
    await town.api('POST', '/agents/ada/stop');
    expect(await town.message('ada', ids[0] ?? '')).toMatchObject({ state: 'queued', attempts: 2 });
    await town.api('POST', '/agents/bob/revoke');
    await town.api('POST', '/agents/bob/start');
    await town.until('bob', ids[1] ?? '', 'working');
    expect(await town.message('bob', ids[1] ?? '')).toMatchObject({ attempts: 2 });
    expect(await town.read('bob')).toMatchObject({ incarnation: 2 });
  });

  it('nowhere else: a container that fails, hangs, is cut off or answers nonsense has lost no agent', async () => {
    const faults: Record<string, (town: TestTown) => void> = {
      '500': (town) => (town.container().before = () => ({ status: 500, headers: {}, body: '' })),
      '429': (town) => (town.container().before = () => ({ status: 429, headers: {}, body: '' })),
      '404': (town) => (town.container().before = () => ({ status: 404, headers: {}, body: 'not found' })),
      '409 with an empty body': (town) => (town.container().before = () => ({ status: 409, headers: {}, body: '{}' })),
      nonsense: (town) => (town.container().before = () => ({ status: 200, headers: {}, body: '{"agents":1}' })),
      'cut off': (town) => void cutOff(town),
    };
    for (const [name, befalls] of Object.entries(faults)) {
      const { town, agents, ids } = await atWork('ada');
      befalls(town);
      silence(agents[0]?.id ?? '');
      await pass(town, 5 * MINUTE);
      expect(await town.read('ada'), name).toMatchObject({ state: 'stalled', incarnation: 1 });
      expect(await town.message('ada', ids[0] ?? ''), name).toMatchObject({ state: 'working', attempts: 1 });
      await lab.end();
      lab.heartbeatMs = 30_000;
    }
  });
});

describe('an agent that is silent for ten minutes in a container that answers', () => {
  it('is stopped and started again alone, in this order; the others are not touched', async () => {
    const { town, agents, ids } = await atWork('ada', 'bob');
    const [ada, bob] = agents;
    silence(ada?.id ?? '');
    await pass(town, 9 * MINUTE);
    expect((await town.read('ada')).incarnation).toBe(1);
    const seen = town.container().requests.length;
    await pass(town, 2 * MINUTE);
    lab.silent.clear();
    const orders = town
      .container()
      .requests.slice(seen)
      .filter(({ path }) => /\/(stop|start)$/.test(path))
      .map(({ path, body }) => [path, (JSON.parse(body) as { inc: number }).inc]);
    expect(orders).toEqual([
      [`/agents/${ada?.id}/stop`, 1],
      [`/agents/${ada?.id}/start`, 2],
    ]);
    expect(await eventsOf(town, 'reeve.agent.gone')).toEqual([{ incarnation: 1, why: 'stopped_silent' }]);
    await town.until('ada', ids[0] ?? '', 'working');
    expect(await town.message('ada', ids[0] ?? '')).toMatchObject({ attempts: 2 });
    expect(await town.read('bob')).toMatchObject({ incarnation: 1, state: 'working', process_id: bob?.process_id });
    expect(await town.message('bob', ids[1] ?? '')).toMatchObject({ attempts: 1 });
  });

  it('delays no other agent where its stop takes longer than a request may', async () => {
    const { town, agents } = await atWork('ada', 'bob');
    const stops: string[] = [];
    town.container().network = (request, send) => {
      if (!request.path.endsWith('/stop')) return send();
      stops.push(request.path);
      return Promise.reject(new DOMException('no answer in time', 'TimeoutError'));
    };
    silence(agents[0]?.id ?? '');
    while (stops.length === 0) await pass(town, MINUTE / 4);
    const { id } = await town.send('bob', 'at once');
    await expect.poll(async () => (await town.message('bob', id)).state).toBe('delivered');
    expect((await town.read('ada')).incarnation).toBe(1);
  });

  it('stays as it is until the container has confirmed the stop', async () => {
    const { town, agents } = await atWork('ada');
    town.container().before = ({ path }) => (path.endsWith('/stop') ? { status: 500, headers: {}, body: '' } : null);
    silence(agents[0]?.id ?? '');
    await pass(town, 14 * MINUTE);
    expect(await town.read('ada')).toMatchObject({ state: 'stalled', incarnation: 1 });
    town.container().before = () => null;
    await pass(town, 3 * MINUTE);
    expect((await town.read('ada')).incarnation).toBe(2);
  });
});

describe('a revoked agent', () => {
  it('that was silent before is not stopped with the others: no answer of it is expected', async () => {
    const { town, agents } = await atWork('ada', 'bob');
    silence(...agents.map(({ id }) => id));
    await pass(town, 3 * MINUTE);
    await town.api('POST', '/agents/ada/revoke');
    await pass(town, 11 * MINUTE);
    const stops = town.container().requests.filter(({ path }) => path.endsWith('/stop'));
    expect(stops.map(({ path }) => path)).toEqual([`/agents/${agents[1]?.id}/stop`]);
    expect(await town.read('bob')).toMatchObject({ incarnation: 2 });
  });
});

describe('a container that is silent with all its agents', () => {
  it('K-12: is not lost before ten minutes: no second incarnation runs beside the first before the first is abandoned', async () => {
    const { town, agents, ids } = await atWork('ada');
    const [id = ''] = ids;
    const [ada] = agents;
    const old = lastTokenOf(ada ?? { id: '' });
    const { session, secret } = sessionOf(town);
    cutOff(town);
    await pass(town, 11 * MINUTE);
    expect(await town.read('ada')).toMatchObject({ state: 'stalled', incarnation: 1 });
    expect(lab.turns.filter(({ message }) => message === id)).toHaveLength(1);
    expect(town.container(1).requests).toEqual([]);
    expect((await reasonsOf(town)).map(({ code }) => code)).toContain('container_silent');
    while ((await eventsOf(town, 'reeve.container.lost')).length === 0) await pass(town, MINUTE / 4);
    expect((await eventsOf(town, 'reeve.container.lost'))[0]).toEqual({ agents: [agents[0]?.id] });
    const path = `/v1/container/${town.containerName(0)}/agents/${ada?.id}/token`;
    const pulled = await api<{ code: string }>('POST', path, { session, inc: 1, gen: 1 }, secret);
    expect([pulled.status, pulled.body.code], 'its session buys nothing').toEqual([401, 'invalid_token']);
    await pass(town, MINUTE / 4);
    await town.until('ada', id, 'working');
    expect(await town.read('ada')).toMatchObject({ incarnation: 2, container: town.containerName(1) });
    expect(await town.message('ada', id)).toMatchObject({ attempts: 2 });
    const refused = await api<{ code: string }>('POST', '/v1/agent/heartbeat', HEARTBEAT, old);
    expect([refused.status, refused.body.code]).toEqual([401, 'incarnation_superseded']);
    const reasons = await reasonsOf(town);
    expect(reasons.map(({ code }) => code)).toContain('container_lost');
    expect(reasons.find(({ code }) => code === 'container_lost')?.detail).toContain('Container 0');
  });

  it('K-12: whose agents are heard is never lost, however long nothing reaches it', async () => {
    const { town } = await atWork('ada', 'bob');
    town.container().network = () => Promise.reject(new TypeError('the connection was reset'));
    silence((await town.read('ada')).id);
    await pass(town, 30 * MINUTE);
    expect(await town.read('ada')).toMatchObject({ state: 'stalled', incarnation: 1 });
    expect(await town.read('bob')).toMatchObject({ state: 'working', incarnation: 1 });
    expect(await eventsOf(town, 'reeve.container.lost')).toEqual([]);
  });

  it('is taken back when it says hello: a new session ends what ran in it, and it takes new agents again', async () => {
    const { town, agents, ids } = await atWork('ada');
    const back = cutOff(town);
    await pass(town, 13 * MINUTE);
    await town.until('ada', ids[0] ?? '', 'working');
    expect(town.container(0).registry.size).toBe(1);
    expect((await town.agent('early')).container).toBe(town.containerName(1));
    back();
    expect((await hello()).status).toBe(202);
    await expect.poll(() => town.container(0).registry.size).toBe(0);
    expect(await eventsOf(town, 'reeve.container.found')).toHaveLength(1);
    expect((await town.agent('late')).container).toBe(town.containerName(0));
    expect(await town.read('ada')).toMatchObject({ incarnation: 2, container: town.containerName(1) });
    expect(lab.turns.filter(({ agent }) => agent === agents[0]?.id)).toHaveLength(2);
  });

  it('is asked again by itself while the town is at work, and taken back without a hello', async () => {
    const { town } = await atWork('ada');
    const back = cutOff(town);
    await pass(town, 14 * MINUTE);
    expect((await town.read('ada')).container).toBe(town.containerName(1));
    back();
    await pass(town, 10 * MINUTE);
    expect(await eventsOf(town, 'reeve.container.found')).toHaveLength(1);
    expect(town.container(0).registry.size).toBe(0);
  });

  it('where there is no other address keeps its agents: they start again there, after what ran in it was ended', async () => {
    lab.containerAddresses = 1;
    const { town, ids } = await atWork('ada');
    const back = cutOff(town);
    await pass(town, 20 * MINUTE);
    expect(await town.read('ada')).toMatchObject({ state: 'starting', container: town.containerName(0) });
    back();
    await pass(town, 6 * MINUTE);
    await town.until('ada', ids[0] ?? '', 'working');
    expect(town.container(0).registry.size).toBe(1);
    const paths = town.container(0).requests.map(({ path }) => path.replace(/agt_\w+/, ':agent'));
    expect(paths.lastIndexOf('/session')).toBeLessThan(paths.lastIndexOf('/agents/:agent/start'));
    expect(paths.filter((path) => path === '/session')).toHaveLength(2);
  });

  it('an idle agent of it whose messages cannot be delivered starts elsewhere too', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    cutOff(town);
    const { id } = await town.send('ada', 'hello');
    await pass(town, 12 * MINUTE);
    await town.until('ada', id, 'done');
    expect(await town.read('ada')).toMatchObject({ container: town.containerName(1), incarnation: 2 });
  });

  it('a new agent that cannot be started in it starts elsewhere', async () => {
    const town = await TestTown.create();
    cutOff(town);
    expect((await town.agent('ada')).state).toBe('starting');
    await pass(town, 12 * MINUTE);
    expect(await town.read('ada')).toMatchObject({ state: 'idle', container: town.containerName(1), incarnation: 2 });
  });

  it('leaves no probe behind where no work waits for it any more', async () => {
    const { town } = await atWork('ada');
    cutOff(town);
    await pass(town, 3 * MINUTE);
    // Of one that is stopped or retired the confirmation is waited for; not of one that is revoked.
    await town.api('POST', '/agents/ada/revoke');
    await pass(town, 2 * MINUTE);
    const { due } = await takeSnapshot(town.stub);
    expect(due.liveness).toBeNull();
    const rows = await runInDurableObject(town.stub, (_, { storage: { sql } }) =>
      sql.exec('SELECT probe_at_ms, unheard_since_ms FROM containers').toArray(),
    );
    expect(rows).toEqual([{ probe_at_ms: null, unheard_since_ms: null }]);
  });
});
