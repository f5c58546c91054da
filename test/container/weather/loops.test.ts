/** M-21: the loops of an agent outlive what goes wrong inside one of their rounds. */
import { describe, expect, it } from 'vitest';
import { EventReporter } from '../../../container/clients/event-reporter.ts';
import { Heartbeat, type WorkStatus } from '../../../container/clients/heartbeat.ts';
import { Loop } from '../../../container/clients/loop.ts';
import { AgentScene, SECONDS } from '../support/agent-scene.ts';
import { TestControlServer, message } from '../support/control-server.ts';
import { hang } from '../support/fake-town-api.ts';
import { agentId, messageId } from '../../support/ids.ts';
import { settle } from '../support/manual-clock.ts';
import { delta } from '../support/turn-events.ts';

const INTERVAL_MS = 30 * SECONDS;
/** A heartbeat whose rounds break as long as `broken` says so. */
function beating(): { scene: AgentScene; heartbeat: Heartbeat; weather: { broken: boolean } } {
  const scene = new AgentScene();
  const weather = { broken: true };
  const status = (): WorkStatus => {
    if (weather.broken) throw new RangeError('no status, but token-of-nobody');
    return { turn: null, task: null, lastProgressAtMs: null };
  };
  const { client, life, agent } = scene;
  const { platform } = scene.context;
  return {
    scene,
    weather,
    heartbeat: new Heartbeat({ platform, client, life, agent, intervalMs: INTERVAL_MS, status }),
  };
}

/** What a loop is made of. */
function ofScene() {
  const scene = new AgentScene();
  const { clock, life, agent, context } = scene;
  return { scene, clock, life, agent, platform: context.platform };
}

/** The failures that the log names, in order. */
const loggedFailures = (scene: AgentScene): unknown[] =>
  scene.log.lines.filter(({ event }) => event === 'loop_failed').map(({ fields }) => fields['failures']);

describe('M-21: a loop that dies', () => {
  it('M-21: the heartbeat that breaks inside a round is restarted, and beats again once nothing breaks', async () => {
    const { scene, heartbeat, weather } = beating();
    heartbeat.begin();
    await scene.clock.advance(3 * INTERVAL_MS);
    expect(scene.town.beats).toHaveLength(0);
    weather.broken = false;
    await scene.clock.advance(3 * INTERVAL_MS);
    expect(scene.town.beats.length).toBeGreaterThanOrEqual(3);
    heartbeat.end();
    expect(scene.clock.pending).toBe(0);
  });

  it('M-21: failures 1 to 3 and each 10th are logged, by kind and place, and the count begins anew', async () => {
    const { scene, heartbeat, weather } = beating();
    heartbeat.begin();
    await scene.clock.advance(24.5 * INTERVAL_MS);
    expect(loggedFailures(scene)).toEqual([1, 2, 3, 10, 20]);
    expect(scene.log.levels('loop_failed')).toEqual(['error', 'error', 'error', 'error', 'error']);
    expect(scene.log.lines[0]?.fields).toMatchObject({ loop: 'heartbeat', agent: scene.agent, error: 'RangeError' });
    expect(scene.log.text()).not.toContain('token-of');
    weather.broken = false;
    await scene.clock.advance(INTERVAL_MS);
    weather.broken = true;
    await scene.clock.advance(INTERVAL_MS);
    expect(loggedFailures(scene).at(-1)).toBe(1);
  });

  it('M-21: the event reporter that breaks inside a round is restarted; nothing is lost and nothing sent twice', async () => {
    const scene = new AgentScene();
    let broken = true;
    const { client, life, agent } = scene;
    const onAcknowledged = (): void => {
      if (broken) throw new RangeError('no town to reach');
    };
    const reporter = new EventReporter({
      platform: scene.context.platform,
      client,
      life,
      agent,
      onAcknowledged,
      traceOf: () => null,
    });
    for (const text of ['one', 'two', 'three']) {
      reporter.add(delta(text));
      await scene.clock.advance(60 * SECONDS);
    }
    broken = false;
    reporter.add(delta('four'));
    await scene.clock.advance(60 * SECONDS);
    expect(scene.town.events).toEqual(['one', 'two', 'three', 'four'].map(delta));
    expect(scene.town.counters).toEqual([1, 2, 3, 4]);
    expect(loggedFailures(scene)).toEqual([1, 2, 3]);
    await reporter.drained();
    expect(scene.clock.pending).toBe(0);
  });

  it('M-21: a loop that keeps breaking does not spin: its rounds come ever more rarely, at last each 30 s', async () => {
    const scene = new AgentScene();
    const { client, life, agent, context } = scene;
    const platform = {
      ...context.platform,
      randomBytes: (): Uint8Array => {
        throw new RangeError('no randomness');
      },
    };
    scene.town.intercept = () => new Response('no', { status: 500 });
    const reporter = new EventReporter({
      platform,
      client,
      life,
      agent,
      onAcknowledged: () => {},
      traceOf: () => null,
    });
    reporter.add(delta('one'));
    await scene.clock.advance(600 * SECONDS);
    expect(scene.town.count('/events')).toBeGreaterThan(15);
    expect(scene.town.count('/events')).toBeLessThan(40);
    scene.teardown();
    await reporter.drained();
    expect(scene.clock.pending).toBe(0);
  });

  it('M-21: whatever breaks in one agent’s loop, another agent’s goes on', async () => {
    const { scene, heartbeat } = beating();
    const other = new AgentScene(scene.context, 2);
    const status = (): WorkStatus => ({ turn: null, task: null, lastProgressAtMs: null });
    const { client, life, agent } = other;
    const { platform } = scene.context;
    const healthy = new Heartbeat({ platform, client, life, agent, intervalMs: INTERVAL_MS, status });
    heartbeat.begin();
    healthy.begin();
    await scene.clock.advance(10 * INTERVAL_MS);
    expect(scene.town.beats.map((beat) => beat.agent)).toEqual(Array.from({ length: 11 }, () => other.agent));
  });
});

describe('M-21: stop awaits', () => {
  it('M-21: a loop is at an end only when its round under way is', async () => {
    const { clock, platform, life, agent, scene } = ofScene();
    const slow = Promise.withResolvers<void>();
    let rounds = 0;
    const round = (): Promise<void> => {
      rounds += 1;
      return slow.promise;
    };
    const loop = new Loop({ platform, life, agent, loop: 'test', round, dueInMs: () => 0 });
    loop.wake();
    loop.wake();
    await clock.advance(SECONDS);
    scene.teardown();
    let ended = false;
    const end = loop.idle().then(() => (ended = true));
    await settle();
    expect([rounds, ended]).toEqual([1, false]);
    slow.resolve();
    await end;
    await loop.idle();
    loop.wake();
    loop.runNow();
    await clock.advance(SECONDS);
    expect([rounds, clock.pending]).toEqual([1, 0]);
  });

  it('M-21: what becomes due in the very step in which a round ends is not missed', async () => {
    const { clock, platform, life, agent } = ofScene();
    let due: number | null = 0;
    const rounds: Promise<void>[] = [];
    const round = (): Promise<void> => {
      due = null;
      const over = Promise.resolve();
      // Runs after the round and before the loop hears of its end.
      rounds.push(over.then(() => void (rounds.length < 3 && wakeAgain())));
      return over;
    };
    const loop = new Loop({ platform, life, agent, loop: 'test', round, dueInMs: () => due });
    const wakeAgain = (): void => {
      due = 0;
      loop.wake();
    };
    loop.wake();
    await clock.advance(SECONDS);
    expect(rounds).toHaveLength(3);
    await loop.idle();
  });

  it('M-21: shutdown awaits the loops of all agents, also where the town hangs; nothing is said afterwards', async () => {
    const { control, session, issued } = await TestControlServer.withAgent();
    const other = control.town.mint(agentId(2));
    await control.start(session, other);
    control.town.intercept = hang;
    await control.deliver(session, issued, message(1, 'work 600'));
    await control.deliver(session, other, message(2, 'work 600'));
    await control.clock.advance(5 * SECONDS);
    const down = control.server.shutdown();
    await control.clock.advance(5 * SECONDS);
    await down;
    expect(control.clock.pending).toBe(0);
    const [lines, sent] = [control.log.lines.length, control.town.requests.length];
    await control.clock.advance(600 * SECONDS);
    expect([control.log.lines.length, control.town.requests.length]).toEqual([lines, sent]);
  });

  it('M-21: a stop is answered only when the loops of its agent are over', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    control.town.intercept = hang;
    await control.deliver(session, issued, message(1, 'work 600'));
    await control.clock.advance(SECONDS);
    expect((await control.end(session, 'stop', agent)).status).toBe(200);
    const [lines, sent] = [control.log.lines.length, control.town.requests.length];
    expect(control.clock.pending).toBe(0);
    await control.clock.advance(600 * SECONDS);
    expect([control.log.lines.length, control.town.requests.length]).toEqual([lines, sent]);
  });
});

describe('S-09 in the container: a Worker that hangs', () => {
  it('S-09: hangs up one agent and delays no other: B beats each 30 s and reports its turns', async () => {
    const { control, session, issued } = await TestControlServer.withAgent();
    const other = control.town.mint(agentId(2));
    await control.start(session, other);
    control.town.intercept = ({ bearer }) => (bearer === issued.token ? hang() : undefined);
    await control.deliver(session, issued, message(1, 'work 600'));
    await control.deliver(session, other, message(2, 'work 100'));
    await control.clock.advance(120 * SECONDS);
    const beatsOfB = control.town.beats.map(({ beat }) => beat.uptime_seconds);
    expect(beatsOfB).toEqual([0, 30, 60, 90]);
    expect(control.town.events.at(-1)).toMatchObject({ type: 'turn.finished', message: messageId(2) });
    // What hangs is cut after its 10 s, and tried again.
    expect(control.town.requests.filter(({ bearer }) => bearer === issued.token).length).toBeGreaterThan(4);
  });

  it('S-09: holds up no push: all are answered while every request to the Worker hangs', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    control.town.intercept = hang;
    await control.deliver(session, issued, message(1, 'work 600'));
    // Old keys, so that each push finds that they are to be fetched.
    await control.clock.advance(700 * SECONDS);
    const nowMs = control.clock.nowMs();
    const other = control.town.mint(agentId(2));
    expect((await control.start(session, other)).body.outcome).toBe('started');
    expect((await control.refresh(session, control.town.mint(agent))).body.outcome).toBe('applied');
    expect((await control.deliver(session, other, message(2, 'hello'))).status).toBe(200);
    expect((await control.end(session, 'stop', agent)).body.outcome).toBe('stopped');
    expect((await control.end(session, 'retire', agentId(2))).body.outcome).toBe('retired');
    expect(await control.running(session)).toEqual([]);
    expect(control.clock.nowMs()).toBe(nowMs);
  });
});
