import { describe, expect, it } from 'vitest';
import type { AgentLaunch, Prompt, Spawn } from '../../../container/agents/agent-process.ts';
import { Incarnation } from '../../../container/agents/incarnation.ts';
import { Registry } from '../../../container/clients/registry.ts';
import { Secret } from '../../../src/lib/secret.ts';
import { NO_METRICS } from '../../../container/lib/metrics.ts';
import { passingTracer } from '../../../container/lib/tracer.ts';
import { TownReach } from '../../../container/lib/town-reach.ts';
import { TestControlServer, message } from '../support/control-server.ts';
import { TOWN_URL } from '../support/fake-town-api.ts';
import { agentId, secretOf, sessionId } from '../../support/ids.ts';
import { settle } from '../support/manual-clock.ts';
import { aProcess } from '../support/a-process.ts';

/** Processes whose start and end the test decides, and which record what they saw. */
class Processes {
  readonly launches: AgentLaunch[] = [];
  readonly prompts: Prompt[] = [];
  readonly stops: Promise<void>[] = [];
  /** Processes that are alive. */
  alive = 0;
  onSpawn: (launch: AgentLaunch) => void | Promise<void> = () => {};
  whileStopping: Promise<void> = Promise.resolve();

  readonly spawn: Spawn = async (launch) => {
    this.launches.push(launch);
    await this.onSpawn(launch);
    this.alive += 1;
    let stopped: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      await this.whileStopping;
      this.alive -= 1;
    };
    return aProcess({
      processId: 1000 + this.launches.length,
      prompt: (prompt) => {
        this.prompts.push(prompt);
        return new Promise(() => {});
      },
      stop: () => (stopped ??= stop()),
    });
  };
}

describe('starting', () => {
  it('M-09: the token is in the container before the agent’s process starts', async () => {
    const processes = new Processes();
    const control = await TestControlServer.make({ spawn: processes.spawn });
    const session = await control.session();
    const issued = control.town.mint(agentId(1));
    const given: string[] = [];
    processes.onSpawn = ({ agent }) =>
      void control.registry.register(agent, { setToken: (token) => void given.push(token) });
    expect(await control.start(session, issued)).toMatchObject({ body: { outcome: 'started', process_id: 1001 } });
    expect(given).toEqual([issued.token]);
  });

  it('A-23: two starts of one incarnation at once make one process', async () => {
    const processes = new Processes();
    const control = await TestControlServer.make({ spawn: processes.spawn });
    const session = await control.session();
    const issued = control.town.mint(agentId(1));
    const both = await Promise.all([control.start(session, issued), control.start(session, issued)]);
    expect(both.map(({ body }) => body.outcome)).toContain('current');
    expect(processes.launches).toHaveLength(1);
  });

  it('a higher incarnation starts only when the process of the lower is gone', async () => {
    const processes = new Processes();
    const { control, session, agent } = await TestControlServer.withAgent({ spawn: processes.spawn });
    const gone = Promise.withResolvers<void>();
    processes.whileStopping = gone.promise;
    const started = control.start(session, control.town.mint(agent, 2));
    await expect.poll(() => control.registry.size).toBe(0);
    expect(processes.launches).toHaveLength(1);
    gone.resolve();
    expect((await started).body).toMatchObject({ outcome: 'started', inc: 2 });
    expect(processes.alive).toBe(1);
  });

  it('a process that cannot be started leaves nothing behind, and the start may be tried again', async () => {
    const processes = new Processes();
    const control = await TestControlServer.make({ spawn: processes.spawn });
    const session = await control.session();
    const issued = control.town.mint(agentId(1));
    processes.onSpawn = () => Promise.reject(new Error('no such command'));
    const order = { inc: 1, name: 'ada', role: 'worker', grant: issued, runtime: null, earlier: [] };
    expect((await control.push(session, 'POST', `/agents/${agentId(1)}/start`, order)).status).toBe(500);
    expect(await control.running(session)).toEqual([]);
    expect(control.registry.size).toBe(0);
    processes.onSpawn = () => {};
    expect((await control.start(session, issued)).body.outcome).toBe('started');
  });

  it('a start of a lower incarnation than the one that runs is stale, and ends nothing', async () => {
    const processes = new Processes();
    const { control, session, agent } = await TestControlServer.withAgent({ spawn: processes.spawn });
    expect((await control.start(session, control.town.mint(agent, 3))).body).toMatchObject({
      outcome: 'started',
      inc: 3,
    });
    const late = await control.start(session, control.town.mint(agent, 2));
    expect(late.body).toMatchObject({ outcome: 'stale', inc: 3, process_id: 1002 });
    expect([processes.launches.length, processes.alive]).toEqual([2, 1]);
  });

  it('an interrupt says whether there was a turn to end, and of which incarnation it is not', async () => {
    const processes = new Processes();
    const { control, session, agent } = await TestControlServer.withAgent({ spawn: processes.spawn });
    const interrupt = async (inc: number) =>
      (await control.push(session, 'POST', `/agents/${agent}/interrupt`, { inc })).json();
    expect(await interrupt(1)).toEqual({ agent, inc: 1, outcome: 'idle' });
    await control.deliver(session, control.town.mint(agent), message(1, 'hello'));
    await expect.poll(() => processes.prompts.length).toBe(1);
    expect(await interrupt(2)).toEqual({ agent, inc: 1, outcome: 'incarnation_mismatch' });
    expect(await interrupt(1)).toEqual({ agent, inc: 1, outcome: 'interrupted' });
  });

  it('a lower incarnation stays out where the higher that took its place could not be started', async () => {
    const processes = new Processes();
    const { control, session, agent, issued } = await TestControlServer.withAgent({ spawn: processes.spawn });
    processes.onSpawn = () => Promise.reject(new Error('no such command'));
    const order = {
      inc: 2,
      name: 'ada',
      role: 'worker',
      grant: control.town.mint(agent, 2),
      runtime: null,
      earlier: [],
    };
    expect((await control.push(session, 'POST', `/agents/${agent}/start`, order)).status).toBe(500);
    processes.onSpawn = () => {};
    expect((await control.start(session, issued)).body).toMatchObject({ outcome: 'stale', inc: 1 });
  });

  it('a token that is pushed while the process starts is applied', async () => {
    const processes = new Processes();
    const control = await TestControlServer.make({ spawn: processes.spawn });
    const session = await control.session();
    const ready = Promise.withResolvers<void>();
    processes.onSpawn = () => ready.promise;
    const started = control.start(session, control.town.mint(agentId(1)));
    await expect.poll(() => processes.launches.length).toBe(1);
    expect((await control.refresh(session, control.town.mint(agentId(1)))).body.outcome).toBe('applied');
    ready.resolve();
    expect((await started).body).toMatchObject({ outcome: 'started', gen: 2 });
  });

  it('W-01: an expired token is refreshed before the first turn begins', async () => {
    const processes = new Processes();
    const control = await TestControlServer.make({ spawn: processes.spawn });
    const session = await control.session();
    const expired = control.town.mint(agentId(1), 1, 60);
    await control.clock.advance(120_000);
    await control.start(session, expired);
    let turnsBeforePull = -1;
    control.town.intercept = ({ path }) => {
      if (path.endsWith('/token')) turnsBeforePull = processes.prompts.length;
      return undefined;
    };
    await control.deliver(session, expired, message(1, 'hello'));
    await settle();
    expect(turnsBeforePull).toBe(0);
    expect(processes.prompts).toHaveLength(1);
    expect(control.town.count('/token')).toBe(1);
    expect(await control.running(session)).toMatchObject([{ gen: 2 }]);
  });

  it('W-01: the wait for it is bounded by 10 s', async () => {
    const processes = new Processes();
    const control = await TestControlServer.make({ spawn: processes.spawn });
    const session = await control.session();
    const expired = control.town.mint(agentId(1), 1, 60);
    await control.clock.advance(120_000);
    await control.start(session, expired);
    control.town.intercept = () => new Promise(() => {});
    await control.deliver(session, expired, message(1, 'hello'));
    await control.clock.advance(9_999);
    expect(processes.prompts).toHaveLength(0);
    await control.clock.advance(1);
    expect(processes.prompts).toHaveLength(1);
  });
});

describe('ending', () => {
  it('K-07: stop and retire answer only when the process is gone; the token is out of use at once', async () => {
    for (const how of ['stop', 'retire'] as const) {
      const processes = new Processes();
      const { control, session, agent } = await TestControlServer.withAgent({ spawn: processes.spawn });
      const gone = Promise.withResolvers<void>();
      processes.whileStopping = gone.promise;
      let answered = false;
      const ended = control.end(session, how, agent).then(() => (answered = true));
      await expect.poll(() => control.registry.size).toBe(0);
      expect(await control.running(session)).toEqual([]);
      const outcome = how === 'stop' ? 'unknown_agent' : 'retired';
      expect((await control.refresh(session, control.town.mint(agent))).body).toMatchObject({
        outcome,
        inc: 0,
        gen: 0,
      });
      expect([answered, processes.alive]).toEqual([false, 1]);
      gone.resolve();
      await ended;
      expect(processes.alive).toBe(0);
    }
  });

  it('an agent that is retired while its higher incarnation waits to start does not start', async () => {
    const processes = new Processes();
    const { control, session, agent } = await TestControlServer.withAgent({ spawn: processes.spawn });
    const gone = Promise.withResolvers<void>();
    processes.whileStopping = gone.promise;
    const started = control.start(session, control.town.mint(agent, 2));
    await expect.poll(() => control.registry.size).toBe(0);
    const retired = control.end(session, 'retire', agent);
    await expect
      .poll(async () => (await control.refresh(session, control.town.mint(agent))).body.outcome)
      .toBe('retired');
    gone.resolve();
    expect((await started).body.outcome).toBe('retired');
    expect((await retired).body.outcome).toBe('retired');
    expect(processes.alive).toBe(0);
  });

  it.each(['stop', 'retire'] as const)(
    'a %s that comes while a turn waits for a fresh token ends the turn: its process is never asked',
    async (how) => {
      const processes = new Processes();
      const control = await TestControlServer.make({ spawn: processes.spawn });
      const session = await control.session();
      const expired = control.town.mint(agentId(1), 1, 60);
      await control.clock.advance(120_000);
      await control.start(session, expired);
      const pulled = Promise.withResolvers<Response>();
      control.town.intercept = ({ path }) => (path.endsWith('/token') ? pulled.promise : undefined);
      await control.deliver(session, expired, message(1, 'hello'));
      await settle();
      await control.end(session, how, agentId(1));
      pulled.resolve(new Response(null, { status: 503 }));
      await settle();
      expect(processes.prompts).toEqual([]);
    },
  );

  it('a stop that comes before the process of a start was begun begins none', async () => {
    const processes = new Processes();
    const control = await TestControlServer.make({ spawn: processes.spawn });
    const registry = new Registry();
    const context = {
      platform: {
        clock: control.clock,
        fetch: control.town.fetch,
        log: control.log,
        randomBytes: (n: number) => new Uint8Array(n),
        metrics: NO_METRICS,
        tracer: passingTracer((n) => new Uint8Array(n)),
        reach: new TownReach(control.log),
      },
      apiUrl: TOWN_URL,
      registry,
      spawn: processes.spawn,
      heartbeatMs: 30_000,
      townNowMs: () => control.clock.nowMs(),
      rebaseTownClock: () => undefined,
      pullAddress: () => ({ url: TOWN_URL, session: sessionId(1), secret: new Secret(secretOf(1)) }),
    };
    const issued = control.town.mint(agentId(1));
    const incarnation = new Incarnation(context, {
      inc: 1,
      name: 'ada',
      role: 'worker',
      grant: issued,
      runtime: null,
      earlier: [],
    });
    await Promise.all([incarnation.stop(), expect(incarnation.started()).rejects.toThrow()]);
    expect(processes.launches).toEqual([]);
  });

  it('W-17, K-03: a teardown in the middle of work leaves no timer, no key and no process', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    await control.deliver(session, issued, message(1, 'work 600'), message(2, 'work 600'));
    await control.clock.advance(45_000);
    expect(control.clock.pending).toBeGreaterThan(0);
    await control.end(session, 'retire', agent);
    expect(control.clock.pending).toBe(0);
    expect(control.registry.size).toBe(0);
    const before = control.town.requests.length;
    await control.clock.advance(3_600_000);
    expect(control.town.requests).toHaveLength(before);
  });
});

describe('a newer session', () => {
  it('starts no agent before the processes of the earlier one are gone', async () => {
    const processes = new Processes();
    const { control, session, agent } = await TestControlServer.withAgent({ spawn: processes.spawn });
    const gone = Promise.withResolvers<void>();
    processes.whileStopping = gone.promise;
    const newer = { ...session, id: sessionId(2), epoch: 2 };
    expect((await control.opened(newer)).status).toBe(200);
    const started = control.start(newer, control.town.mint(agent, 2));
    // By the answer to a later request the start has arrived, and waits.
    expect(await control.running(newer)).toEqual([]);
    expect(processes.launches).toHaveLength(1);
    gone.resolve();
    expect((await started).body.outcome).toBe('started');
    expect(processes.alive).toBe(1);
  });

  it('a start under way in the earlier session gets the answer that the session is over', async () => {
    const processes = new Processes();
    const control = await TestControlServer.make({ spawn: processes.spawn });
    const session = await control.session();
    const ready = Promise.withResolvers<void>();
    processes.onSpawn = () => ready.promise;
    const order = {
      inc: 1,
      name: 'ada',
      role: 'worker',
      grant: control.town.mint(agentId(1)),
      runtime: null,
      earlier: [],
    };
    const started = control.push(session, 'POST', `/agents/${agentId(1)}/start`, order);
    await expect.poll(() => processes.launches.length).toBe(1);
    await control.opened({ ...session, id: sessionId(2), epoch: 2 });
    ready.resolve();
    expect((await started).status).toBe(409);
    await expect.poll(() => processes.alive).toBe(0);
  });

  it('a server that was abandoned without a shutdown does not stand in the way of the next', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    await control.deliver(session, issued, message(1, 'work 600'));
    await control.clock.advance(1_000);
    const next = await TestControlServer.make({
      key: control.key,
      clock: control.clock,
      town: control.town,
      registry: control.registry,
    });
    await next.opened({ ...session, epoch: 2 });
    expect((await next.start(session, control.town.mint(agent, 2))).body.outcome).toBe('started');
    expect(control.registry.size).toBe(1);
    const before = control.town.beats.length;
    await control.clock.advance(120_000);
    expect(control.town.beats.length).toBe(before);
    expect((await next.refresh(session, control.town.mint(agent, 2))).body.outcome).toBe('applied');
  });
});

describe('a start that comes late', () => {
  it('of a lower incarnation is stale, and the higher one goes on with its process and its token', async () => {
    const processes = new Processes();
    const control = await TestControlServer.make({ spawn: processes.spawn });
    const session = await control.session();
    const lower = control.town.mint(agentId(1));
    const higher = control.town.mint(agentId(1), 2);
    expect(await control.start(session, higher)).toMatchObject({ body: { outcome: 'started', inc: 2 } });
    expect(await control.start(session, lower)).toMatchObject({
      status: 409,
      body: { outcome: 'stale', inc: 2, gen: higher.gen, process_id: 1001 },
    });
    expect([processes.launches.length, processes.alive, control.registry.size]).toEqual([1, 1, 1]);
    const held: string[] = [];
    control.registry.register(agentId(1), { setToken: (token) => void held.push(token) });
    expect(held).toEqual([higher.token]);
  });
});

describe('a client of a running agent', () => {
  it('that throws is logged, by name and not by token', async () => {
    const control = await TestControlServer.make({ spawn: new Processes().spawn });
    const session = await control.session();
    const issued = control.town.mint(agentId(1));
    await control.start(session, issued);
    control.registry.register(agentId(1), {
      setToken: (token) => {
        throw new TypeError(`cannot use ${token}`);
      },
    });
    expect(control.log.lines.filter(({ event }) => event === 'client_failed')).toMatchObject([
      { level: 'warn', fields: { agent: agentId(1), error: 'TypeError' } },
    ]);
    expect(control.log.text()).not.toContain(issued.token);
  });
});
