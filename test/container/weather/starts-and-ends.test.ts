/** Starts, stops, teardowns and sessions that cross each other on their way. */
import { describe, expect, it } from 'vitest';
import { Sessions } from '../../../container/control/sessions.ts';
import { AgentContext } from '../support/agent-scene.ts';
import { TestControlServer, message } from '../support/control-server.ts';
import { TOWN_URL } from '../support/fake-town-api.ts';
import { agentId, containerName, secretOf, sessionId } from '../../support/ids.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { Processes } from './support/processes.ts';

const never = (): Promise<void> => new Promise(() => {});

/** A process that starts and never takes prompts. */
async function hangingStart() {
  const processes = new Processes();
  const control = await TestControlServer.make({ spawn: processes.spawn });
  const session = await control.session();
  const agent = agentId(1);
  processes.ready = never;
  const issued = control.town.mint(agent);
  const order = { inc: 1, name: 'ada', role: 'worker', grant: issued, runtime: null, earlier: [] };
  const started = control.push(session, 'POST', `/agents/${agent}/start`, order);
  await expect.poll(() => processes.alive).toBe(1);
  return { processes, control, session, agent, issued, order, started };
}

describe('a start that hangs', () => {
  it('M-21: is cut short by a stop, which answers when the process is gone; the start answers `stale`', async () => {
    const { processes, control, session, agent, started } = await hangingStart();
    expect((await control.end(session, 'stop', agent)).body).toEqual({ agent, inc: 1, outcome: 'stopped' });
    const response = await started;
    expect([response.status, await response.json()]).toMatchObject([409, { outcome: 'stale', inc: 1 }]);
    expect([processes.alive, control.registry.size, control.clock.pending]).toEqual([0, 0, 0]);
    expect(await control.running(session)).toEqual([]);
  });

  it('K-07: is cut short by a teardown; the start answers `retired`, and what waited behind it does too', async () => {
    const { processes, control, session, agent, order, started } = await hangingStart();
    const repeated = control.push(session, 'POST', `/agents/${agent}/start`, order);
    await settle();
    expect((await control.end(session, 'retire', agent)).body.outcome).toBe('retired');
    for (const response of [await started, await repeated]) {
      expect([response.status, await response.json()]).toMatchObject([410, { outcome: 'retired' }]);
    }
    expect([processes.alive, processes.launches.length, control.registry.size]).toEqual([0, 1, 0]);
  });

  it('A-23: is not begun again by its repeat, where a stop is already known', async () => {
    const { processes, control, session, agent, order, started } = await hangingStart();
    const repeated = control.push(session, 'POST', `/agents/${agent}/start`, order);
    await settle();
    expect((await control.end(session, 'stop', agent)).status).toBe(200);
    expect([(await started).status, (await repeated).status]).toEqual([409, 409]);
    expect(processes.launches).toHaveLength(1);
  });

  it('A-26: does not stand in the way of a newer session', async () => {
    const { processes, control, session, agent, started } = await hangingStart();
    const newer = { ...session, id: sessionId(2), epoch: 2 };
    expect((await control.opened(newer)).status).toBe(200);
    expect((await started).status).toBe(409);
    processes.ready = () => Promise.resolve();
    expect((await control.start(newer, control.town.mint(agent, 2))).body.outcome).toBe('started');
    expect(processes.alive).toBe(1);
  });

  it('S-09: holds up no other agent', async () => {
    const { processes, control, session } = await hangingStart();
    processes.ready = () => Promise.resolve();
    expect((await control.start(session, control.town.mint(agentId(2)))).body.outcome).toBe('started');
    expect((await control.end(session, 'stop', agentId(2))).body.outcome).toBe('stopped');
  });

  it('M-21: does not outlast a shutdown', async () => {
    const { processes, control, started } = await hangingStart();
    await control.server.shutdown();
    expect((await started).status).toBe(409);
    expect([processes.alive, control.registry.size]).toEqual([0, 0]);
  });
});

describe('sessions that follow each other quickly', () => {
  it('A-26: the third starts no agent beside the one that the first has not ended yet', async () => {
    const processes = new Processes();
    const { control, session, agent } = await TestControlServer.withAgent({ spawn: processes.spawn });
    const gone = Promise.withResolvers<void>();
    processes.gone = () => gone.promise;
    await control.opened({ ...session, id: sessionId(2), epoch: 2 });
    const third = { ...session, id: sessionId(3), epoch: 3 };
    await control.opened(third);
    const started = control.start(third, control.town.mint(agent, 2));
    expect(await control.running(third)).toEqual([]);
    await settle();
    expect(processes.launches).toHaveLength(1);
    gone.resolve();
    expect((await started).body.outcome).toBe('started');
    expect(processes.alive).toBe(1);
  });

  it('M-21: shutdown awaits the processes of a session that was replaced', async () => {
    const processes = new Processes();
    const { control, session } = await TestControlServer.withAgent({ spawn: processes.spawn });
    const gone = Promise.withResolvers<void>();
    processes.gone = () => gone.promise;
    await control.opened({ ...session, id: sessionId(2), epoch: 2 });
    let down = false;
    const shutdown = control.server.shutdown().then(() => (down = true));
    await settle();
    expect([down, processes.alive]).toEqual([false, 1]);
    gone.resolve();
    await shutdown;
    expect(processes.alive).toBe(0);
  });

  it('a repeated start that arrives as its session ends does not get the answer that the agent runs', async () => {
    const processes = new Processes();
    const gone = Promise.withResolvers<void>();
    processes.gone = () => gone.promise;
    const { platform, registry, town } = new AgentContext();
    const sessions = new Sessions({ platform, apiUrl: TOWN_URL, registry, spawn: processes.spawn });
    const opening = {
      version: 1,
      container: containerName(1),
      session: sessionId(1),
      epoch: 1,
      secret: secretOf(1),
      heartbeat_seconds: 30,
    };
    const { session } = sessions.open(opening, ManualClock.START_MS / 1000);
    const order = { inc: 1, name: 'ada', role: 'worker', grant: town.mint(agentId(1)), runtime: null, earlier: [] };
    expect(await session?.agents.start(agentId(1), order)).toMatchObject({ outcome: 'started' });
    // The process of the agent is on its way out and still there when the repeat comes.
    sessions.open({ ...opening, session: sessionId(2), epoch: 2 }, ManualClock.START_MS / 1000);
    const repeated = session?.agents.start(agentId(1), order);
    gone.resolve();
    expect(await repeated).toBe('session_over');
  });
});

describe('an agent that another session of the process takes over', () => {
  it('T1: the first has no token any more: it begins no further turn, sends nothing and keeps no timer', async () => {
    const processes = new Processes();
    const { control, session, agent, issued } = await TestControlServer.withAgent({ spawn: processes.spawn });
    await control.deliver(session, issued, message(1, 'one'), message(2, 'two'));
    await control.clock.advance(1_000);
    const elsewhere = await control.session(2);
    expect((await control.start(elsewhere, control.town.mint(agent, 2))).body.outcome).toBe('started');
    const sent = control.town.requests.length;
    processes.turns[0]?.reply('done');
    await control.clock.advance(600_000);
    expect(processes.turns).toHaveLength(1);
    expect(control.town.requests).toHaveLength(sent);
    expect(control.clock.pending).toBe(0);
    expect((await control.refresh(elsewhere, control.town.mint(agent, 2))).body.outcome).toBe('applied');
    expect((await control.refresh(session, control.town.mint(agent, 1))).body.outcome).toBe('unknown_agent');
  });
});
