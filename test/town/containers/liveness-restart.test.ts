import { env, runDurableObjectAlarm } from 'cloudflare:test';
import { beforeEach, describe, expect, it } from 'vitest';
import { lab } from '../support/lab.ts';
import { takeSnapshot } from '../support/snapshot.ts';
import { MINUTE, cutOff, eventsOf, pass } from '../support/passing.ts';
import { lastTokenOf } from '../support/tokens.ts';
import { TestTown, api } from '../support/town.ts';
import type { AgentView, TownHealth } from '../../../src/protocol/index.ts';

beforeEach(() => {
  lab.heartbeatMs = 30_000;
});

const HOUR = 60 * MINUTE;
const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };
/** Waits (s) between the starts of an agent that never gets up: the retry's own 15 s, then the ladder. */
const LADDER_SECONDS = [15, 30, 60, 120, 300, 600];
const codesOf = async (town: TestTown) =>
  (await town.api<TownHealth>('GET', '/health')).body.reasons.map(({ code }) => code);

/** From here on every start fails in the container; answers when each was tried, in s, and what repairs it. */
function breakCommand(town: TestTown, asleepAfterwards = false): { tries: number[]; repair: () => void } {
  const container = town.container();
  const tries: number[] = [];
  container.before = ({ path }) => {
    if (!path.endsWith('/start')) return null;
    tries.push(lab.clock.now() / 1000);
    if (asleepAfterwards) container.sleep();
    return { status: 500, headers: {}, body: '{"code":"internal"}' };
  };
  return { tries, repair: () => (container.before = () => null) };
}

const gaps = (times: readonly number[]): number[] =>
  times.slice(1).map((time, nth) => Math.round(time - (times[nth] ?? 0)));

describe('an agent that does not get through a turn', () => {
  it('is started again at once, after 30 s, 1, 2, 5 and 10 min, and then failed, which is reported', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const { id } = await town.send('ada', 'work 3600');
    const starts: number[] = [];
    const container = town.container();
    // Its process dies with each delivery: the container knows it no more.
    container.before = (request) => {
      if (request.path.endsWith('/start')) starts.push(lab.clock.now() / 1000);
      if (!request.path.endsWith('/messages')) return null;
      container.restart();
      return null;
    };
    container.restart();
    await pass(town, 30 * MINUTE);
    expect(await town.read('ada')).toMatchObject({ state: 'failed', incarnation: 7 });
    const ladder = gaps(starts);
    for (const [nth, seconds] of [30, 60, 120, 300, 600].entries()) {
      expect(ladder[nth], `restart ${nth + 2}`).toBeGreaterThanOrEqual(seconds);
      expect(ladder[nth], `restart ${nth + 2}`).toBeLessThanOrEqual(seconds + 120);
    }
    expect(await eventsOf(town, 'reeve.agent.failed')).toEqual([
      { incarnation: 7, restarts: 6, why: 'restarts_exhausted' },
    ]);
    expect((await town.message('ada', id)).state).toBe('queued');
    expect(await codesOf(town)).toContain('agent_failed');
  });

  it('has all its restarts before it again after one finished turn', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const { id } = await town.work('ada', 45);
    for (let nth = 0; nth < 3; nth += 1) {
      town.container().restart();
      await pass(town, 4 * MINUTE);
      await town.until('ada', id, 'working');
    }
    const restartsOf = async () => (await takeSnapshot(town.stub)).agents[0]?.agent.restarts;
    expect(await restartsOf()).toBe(3);
    expect(await codesOf(town)).toContain('agent_restarts');
    await pass(town, MINUTE);
    await town.until('ada', id, 'done');
    expect(await restartsOf()).toBe(0);
  });

  it('without unfinished messages is started again only where its container runs anyway, and counts nothing', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    for (let nth = 2; nth < 12; nth += 1) {
      town.container().restart();
      await env.TOWN.getByName(town.id).hello();
      await pass(town, MINUTE);
      expect(await town.read('ada')).toMatchObject({ state: 'idle', incarnation: nth });
    }
  });
});

describe('K-13: an agent with a broken command', () => {
  it('K-13: wakes its container at most as often as its backoff allows, while messages wait', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const container = town.container();
    container.sleep();
    const { tries } = breakCommand(town, true);
    const { id } = await town.send('ada', 'hello');
    await pass(town, 25 * MINUTE);
    expect(container.wakes).toBe(tries.length);
    // Its first start, at once, replaces the one that slept.
    const ladder = LADDER_SECONDS.slice(1);
    expect(gaps(tries)).toEqual(ladder);
    expect(await town.read('ada')).toMatchObject({ state: 'failed' });
    expect((await town.message('ada', id)).state).toBe('queued');
    // Half an hour later all of it again, and no more than that.
    await pass(town, 30 * MINUTE);
    expect(gaps(tries).slice(ladder.length, ladder.length + 2)).toEqual([1800, 15]);
    expect(container.wakes).toBe(tries.length);
  });

  it('K-13: does not wake its container at all without unfinished messages', async () => {
    const town = await TestTown.create();
    const { tries } = breakCommand(town, true);
    expect((await town.agent('ada')).state).toBe('starting');
    await pass(town, 24 * MINUTE);
    expect(town.container().wakes).toBe(0);
    expect(tries).toHaveLength(1);
    expect(await town.read('ada')).toMatchObject({ state: 'idle', process_id: null });
    expect(await town.alarmAt()).toBeNull();
  });

  it('K-13: starts of it are repeated in a container that runs anyway, until it has failed', async () => {
    const town = await TestTown.create();
    const { tries } = breakCommand(town);
    await town.agent('ada');
    await pass(town, 40 * MINUTE);
    expect(gaps(tries)).toEqual(LADDER_SECONDS);
    expect(await town.read('ada')).toMatchObject({ state: 'failed', incarnation: 1 });
    expect(await town.alarmAt()).toBeNull();
  });
});

describe('a failed agent', () => {
  async function failed(
    message: boolean,
  ): Promise<{ town: TestTown; id: string; repair: () => void; tries: number[] }> {
    const town = await TestTown.create();
    const { tries, repair } = breakCommand(town);
    await town.agent('ada');
    const id = message ? (await town.send('ada', 'first')).id : '';
    await pass(town, 20 * MINUTE);
    expect((await town.read('ada')).state).toBe('failed');
    return { town, id, repair, tries };
  }

  it('is revived by a new message, and runs what waited before it', async () => {
    const { town, id, repair } = await failed(true);
    repair();
    const { id: second } = await town.send('ada', 'second');
    await town.until('ada', id, 'done');
    await town.until('ada', second, 'done');
    expect(await town.read('ada')).toMatchObject({ state: 'idle', incarnation: 2 });
  });

  it("is revived by a person's start", async () => {
    const { town, repair } = await failed(false);
    repair();
    expect((await town.api<AgentView>('POST', '/agents/ada/start')).body).toMatchObject({
      state: 'idle',
      incarnation: 2,
    });
    expect((await takeSnapshot(town.stub)).agents[0]?.agent.restarts).toBe(0);
  });

  it('is revived after half an hour with unfinished messages, and an alarm is set for that (T5)', async () => {
    const { town, id, repair } = await failed(true);
    repair();
    const { due, alarm, now } = await takeSnapshot(town.stub);
    expect(due.revival).toBeGreaterThan(now + 25 * MINUTE);
    expect(alarm).toBe(due.revival);
    await pass(town, 31 * MINUTE);
    await town.until('ada', id, 'done');
    expect((await town.read('ada')).incarnation).toBe(2);
  });

  it('is left alone without unfinished messages, or revoked', async () => {
    const { town, repair, tries } = await failed(false);
    repair();
    const seen = tries.length;
    expect((await takeSnapshot(town.stub)).due.revival).toBeNull();
    await town.api('POST', '/agents/ada/revoke');
    await town.send('ada', 'wait');
    await pass(town, 2 * HOUR);
    expect(tries).toHaveLength(seen);
    expect((await town.read('ada')).state).toBe('failed');
  });

  it('that is stopped by a person keeps its messages waiting: nothing revives it but a start', async () => {
    const { town, id, repair } = await failed(true);
    repair();
    await town.api('POST', '/agents/ada/stop');
    await town.send('ada', 'more');
    await pass(town, HOUR);
    expect((await town.read('ada')).state).toBe('stopped');
    expect((await town.message('ada', id)).state).toBe('queued');
    await town.api('POST', '/agents/ada/start');
    await town.until('ada', id, 'done');
  });
});

describe('a start', () => {
  it('that reaches the container and never becomes ready is tried again, at most every 15 s, and health says so after a minute', async () => {
    const town = await TestTown.create();
    const tries: number[] = [];
    town.container().network = (request, send) => {
      if (!request.path.endsWith('/start')) return send();
      tries.push(lab.clock.now() / 1000);
      return Promise.reject(new DOMException('no answer in time', 'TimeoutError'));
    };
    await town.agent('ada');
    await pass(town, 10 * MINUTE);
    expect((await town.read('ada')).state).toBe('starting');
    expect(Math.min(...gaps(tries))).toBeGreaterThanOrEqual(15);
    expect(tries.length).toBeLessThanOrEqual(10);
    expect(await codesOf(town)).toContain('start_fails');
    expect(await eventsOf(town, 'reeve.container.lost')).toEqual([]);
    town.container().network = (_, send) => send();
    await pass(town, 6 * MINUTE);
    expect(await town.read('ada')).toMatchObject({ state: 'idle', incarnation: 1 });
  });

  it("of a person is tried at once, whatever the agent's wait, and changes no incarnation", async () => {
    const town = await TestTown.create();
    const { repair } = breakCommand(town);
    await town.agent('ada');
    await pass(town, 5 * MINUTE);
    repair();
    expect((await town.api<AgentView>('POST', '/agents/ada/start')).body).toMatchObject({
      state: 'idle',
      incarnation: 1,
    });
  });
});

describe('S-24: a Worker that is unreachable until every token has expired', () => {
  it('S-24: stalls its agents, which recover without a human; the revoked does not', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    const eve = await town.agent('eve');
    const { id } = await town.work('ada', 50_000);
    await town.work('eve', 50_000);
    const old = [lastTokenOf(ada), lastTokenOf(eve)];
    const back = cutOff(town);
    await pass(town, 2 * MINUTE);
    expect((await town.read('ada')).state).toBe('stalled');
    await town.api('POST', '/agents/eve/revoke');
    // Nothing runs in the Worker either: no alarm rings for longer than a token lives, and then one that still reaches no
    // container.
    lab.clock.advance(4 * HOUR);
    await runDurableObjectAlarm(town.stub);
    expect((await town.read('ada')).state).toBe('stalled');
    expect(await eventsOf(town, 'reeve.agent.recovered')).toEqual([]);
    for (const token of old) expect((await api('POST', '/v1/agent/heartbeat', HEARTBEAT, token)).status).toBe(401);
    back();
    const seen = lab.agentCalls.length;
    await pass(town, 3 * MINUTE);
    expect(await town.read('ada')).toMatchObject({ state: 'working', incarnation: 1 });
    expect(await town.message('ada', id)).toMatchObject({ state: 'working', attempts: 1 });
    expect((await eventsOf(town, 'reeve.agent.recovered')).length).toBeGreaterThanOrEqual(1);
    expect(await eventsOf(town, 'reeve.container.lost')).toEqual([]);
    const calls = lab.agentCalls
      .slice(seen)
      .filter(({ status, path }) => status === 200 && path.endsWith('/heartbeat'));
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.every(({ bearer }) => !old.includes(bearer))).toBe(true);
    expect((await town.read('eve')).credential.revoked_at).not.toBeNull();
    expect(lab.agentCalls.slice(seen).some(({ status, path }) => status === 200 && path.includes(eve.id))).toBe(false);
  });
});
