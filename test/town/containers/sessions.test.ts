import { SELF, env, evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { NO_ORDER } from '../../../src/protocol/index.ts';
import { sessionId } from '../../support/ids.ts';
import { asMember } from '../support/as-member.ts';
import { lab } from '../support/lab.ts';
import { TestTown } from '../support/town.ts';
import { CONTAINER_SECRET, PUBLIC_URL } from '../support/wiring.ts';

const hello = (secret = CONTAINER_SECRET) =>
  SELF.fetch(`${PUBLIC_URL}/v1/container/hello`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: '{"version":1}',
  });

const handshakes = (town: TestTown) => town.container().requests.filter(({ path }) => path === '/session');

describe('sessions', () => {
  it('A-26: the first handshake ends in one session, which later requests use', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.agent('bob');
    await town.send('ada', 'hello');
    expect(handshakes(town)).toHaveLength(1);
  });

  it('A-26: agents that are created at once share one handshake', async () => {
    const town = await TestTown.create();
    const agents = await Promise.all(['ada', 'bob', 'cyd'].map((name) => town.agent(name)));
    expect(agents.map(({ state }) => state)).toEqual(['idle', 'idle', 'idle']);
    expect(handshakes(town)).toHaveLength(1);
  });

  it('A-26: a call that needs a session while a handshake is under way waits for that one and gets its session', async () => {
    const town = await TestTown.create();
    const link = env.AGENT_CONTAINER.getByName(town.containerName());
    const begun = Promise.withResolvers<void>();
    const contended = Promise.withResolvers<void>();
    town.container().before = async ({ path }) => {
      if (path === '/health') begun.resolve();
      await contended.promise;
      return null;
    };
    const first = link.open(true);
    await begun.promise;
    // A call of each kind that opens a session, all of them before the first has one.
    const others = [link.open(true), link.check(), link.call('list', sessionId(9), NO_ORDER), link.renew()];
    await runInDurableObject(link, () => undefined);
    contended.resolve();
    const [one, ...more] = await Promise.all([first, ...others]);
    if (one.kind !== 'answered') throw new Error(`no session: ${one.kind}`);
    const session = one.value;
    expect(more).toEqual([one, one, { kind: 'session_changed', session }, one]);
    expect(handshakes(town)).toHaveLength(1);
    expect(town.container().requests.filter(({ path }) => path === '/health')).toHaveLength(1);
    // The place is free again: a new one is opened when it is needed, and only then.
    expect(await link.open(true)).toEqual(one);
    expect(await link.renew()).not.toEqual(one);
    expect(handshakes(town)).toHaveLength(2);
  });

  it("A-26: a second town on the same process has a session of its own and leaves the first one's alone", async () => {
    const one = await TestTown.create();
    const two = await TestTown.create();
    two.container().joinProcessOf(one.container());
    await one.agent('ada');
    await one.work('ada');
    await two.agent('ada');
    const { id } = await two.send('ada', 'hello');
    await two.until('ada', id, 'done');
    const { credential, incarnation } = await one.read('ada');
    const forced = await one.api<{ ok: number }>('POST', '/agents/ada/refresh', {});
    expect(forced.body.ok).toBe(1);
    expect([incarnation, credential.last_outcome]).toEqual([1, 'applied']);
  });

  it('A-26: an evicted AgentContainer goes on with its session: no handshake, no restart', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.work('ada');
    await evictDurableObject(env.AGENT_CONTAINER.getByName(town.containerName()));
    await evictDurableObject(town.stub);
    const { id } = await town.send('ada', 'more');
    await expect.poll(async () => (await town.message('ada', id)).state).toBe('delivered');
    expect((await town.read('ada')).incarnation).toBe(1);
    expect(handshakes(town)).toHaveLength(1);
  });

  it('A-26: a process restart that says hello gets a new session; its agents start at once and messages follow', async () => {
    const town = await TestTown.create();
    const before = await town.agent('ada');
    await town.agent('idle');
    const { id } = await town.work('ada');
    town.container().restart();
    expect((await hello()).status).toBe(202);
    await expect.poll(async () => (await town.read('ada')).incarnation).toBe(2);
    await town.elapse(1000);
    await town.until('ada', id, 'working');
    const after = await town.read('ada');
    expect(after.process_id).not.toBe(before.process_id);
    expect(await town.message('ada', id)).toMatchObject({ attempts: 2 });
    expect(await town.read('idle')).toMatchObject({ incarnation: 2, state: 'idle' });
    expect(handshakes(town)).toHaveLength(2);
  });

  it('an agent that could not be started is started at once when its control server says hello', async () => {
    const town = await TestTown.create();
    town.container().before = () => ({ status: 500, headers: {}, body: '' });
    expect((await town.agent('ada')).state).toBe('starting');
    town.container().before = () => null;
    await hello();
    await expect.poll(() => handshakes(town).length).toBe(1);
    await expect.poll(async () => (await town.alarmAt()) ?? 0).toBeLessThanOrEqual(lab.clock.now() + 1);
    await town.ring();
    expect(await town.read('ada')).toMatchObject({ state: 'idle', incarnation: 1 });
  });

  it('a start request carries the token: it is in the container before the agent makes its first call', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    const start = town.container().requests.find(({ path }) => path === `/agents/${ada.id}/start`);
    expect(JSON.parse(start?.body ?? '{}')).toMatchObject({ inc: 1, grant: { agent: ada.id, inc: 1, gen: 1 } });
  });

  it('a hello reaches each container in its own time: one that hangs costs the next nothing, nor the control server that says hello', async () => {
    const { pushTimeoutMs } = lab;
    lab.pushTimeoutMs = 60_000;
    const hung = Promise.withResolvers<null>();
    try {
      const town = await TestTown.create();
      for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) await town.agent(name);
      const [first, second] = [town.container(0), town.container(1)];
      let asked = 0;
      first.before = ({ path }) => {
        if (path !== '/health') return null;
        asked += 1;
        return hung.promise;
      };
      second.restart();
      let answered = false;
      const said = env.TOWN.getByName(town.id)
        .hello()
        .then(() => (answered = true));
      await expect.poll(async () => (await town.read('a5')).incarnation).toBe(2);
      expect([asked, answered]).toEqual([1, false]);
      lab.clock.advance(5000);
      await said;
    } finally {
      lab.pushTimeoutMs = pushTimeoutMs;
      hung.resolve(null);
    }
  });

  it('a restart without a hello is found by the next request, which answers unknown_session', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const { id: cut } = await town.work('ada');
    town.container().restart();
    const { id } = await town.send('ada', 'are you there?');
    await expect.poll(async () => (await town.read('ada')).incarnation).toBe(2);
    await town.elapse(1000);
    await town.until('ada', cut, 'working');
    await expect.poll(async () => (await town.message('ada', id)).state).toBe('delivered');
  });

  it('a hello with a wrong secret is refused, and one without a restart behind it changes nothing', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const sessions = handshakes(town).length;
    expect((await hello('not-the-container-secret')).status).toBe(401);
    expect((await hello()).status).toBe(202);
    await expect.poll(() => town.container().requests.filter(({ path }) => path === '/health').length).toBe(2);
    expect(handshakes(town)).toHaveLength(sessions);
    expect((await town.read('ada')).incarnation).toBe(1);
  });

  it('a handshake whose answer is lost is followed by a newer one, and no agent is left in the old session', async () => {
    const town = await TestTown.create();
    town.container().after = (request, answer) =>
      request.path === '/session' ? { status: 500, headers: {}, body: '' } : answer;
    const { state } = await town.agent('ada');
    expect(state).toBe('starting');
    town.container().after = (_, answer) => answer;
    await town.elapse(60_000);
    expect(await town.read('ada')).toMatchObject({ state: 'idle', incarnation: 1 });
    expect(handshakes(town)).toHaveLength(2);
  });
});

describe('a sleeping or lost container', () => {
  it('gets no request from sweeps, and is woken by a message, whose token and start come first', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    town.container().sleep();
    const seen = town.container().requests.length;
    await town.elapse(24 * 3_600_000);
    await town.api('POST', '/refresh', {});
    expect(town.container().requests.length).toBe(seen);
    expect(town.container().wakes).toBe(0);
    const { id } = await town.send('ada', 'wake up');
    await town.until('ada', id, 'done');
    expect(town.container().wakes).toBe(1);
    const paths = town
      .container()
      .requests.slice(seen)
      .map(({ path }) => path);
    expect(paths.slice(0, 3)).toEqual(['/health', '/session', `/agents/${ada.id}/start`]);
    expect(await town.read('ada')).toMatchObject({ incarnation: 2 });
  });

  it('a container that is lost in mid-turn is started again for the turn, as a new attempt', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const { id } = await town.work('ada');
    town.container().sleep();
    await town.elapse(2 * 3_600_000);
    await town.until('ada', id, 'working');
    expect(await town.message('ada', id)).toMatchObject({ attempts: 2 });
    expect(town.container().wakes).toBe(1);
  });
});

describe('an object that was not created', () => {
  it('writes nothing', async () => {
    const stub = env.TOWN.getByName('town_00000000000000000000');
    expect(await asMember('town_00000000000000000000', 'dev').describe()).toEqual({ ok: false, error: 'not_found' });
    const tables = await runInDurableObject(stub, (_, state) =>
      state.storage.sql
        .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")
        .toArray(),
    );
    expect(tables).toEqual([]);
  });
});
