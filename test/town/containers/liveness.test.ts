import { runDurableObjectAlarm } from 'cloudflare:test';
import { beforeEach, describe, expect, it } from 'vitest';
import { lab } from '../support/lab.ts';
import { takeSnapshot } from '../support/snapshot.ts';
import { MINUTE, cutOff, eventsOf, pass, silence } from '../support/passing.ts';
import { lastTokenOf } from '../support/tokens.ts';
import { rewrite } from '../support/inside.ts';
import { TestTown, api } from '../support/town.ts';
import type { AgentView, TownHealth } from '../../../src/protocol/index.ts';

const { pushTimeoutMs } = lab;
beforeEach(() => {
  lab.heartbeatMs = 30_000;
  lab.pushTimeoutMs = pushTimeoutMs;
});

const HOUR = 60 * MINUTE;
const at = (ms: number): string => new Date(ms).toISOString();
const beat = (bearer: string, progressAtMs: number | null) =>
  api(
    'POST',
    '/v1/agent/heartbeat',
    {
      turn: null,
      current_task: null,
      error_rate: 0,
      uptime_seconds: 1,
      last_progress_at: progressAtMs === null ? null : at(progressAtMs),
    },
    bearer,
  );
const codes = async (town: TestTown) => {
  const { body } = await town.api<TownHealth>('GET', '/health');
  return body.reasons.map(({ code }) => code);
};

async function atWork(): Promise<{ town: TestTown; ada: AgentView; id: string }> {
  const town = await TestTown.create();
  const ada = await town.agent('ada');
  const { id } = await town.work('ada', 3600);
  return { town, ada, id };
}

describe('who is watched', () => {
  it('an agent at work is looked at when its third heartbeat is missing, and an alarm is set for that (T5)', async () => {
    const { town } = await atWork();
    const { due, alarm, now } = await takeSnapshot(town.stub);
    expect(due.liveness).toBeGreaterThan(now);
    expect(due.liveness).toBeLessThanOrEqual(now + 90_000);
    expect(alarm).toBeLessThanOrEqual(due.liveness ?? 0);
  });

  it('an agent that is heard is never stalled, nor is its container asked', async () => {
    const { town } = await atWork();
    await pass(town, 30 * MINUTE);
    expect(await town.read('ada')).toMatchObject({ state: 'working', incarnation: 1 });
    expect(await eventsOf(town, 'reeve.agent.stalled')).toEqual([]);
    expect(town.container().requests.filter(({ path }) => path === '/agents')).toEqual([]);
  });

  it('K-10: an idle agent is not watched, and an idle town has no alarm', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const { id } = await town.send('ada', 'hello');
    await town.until('ada', id, 'done');
    const { due } = await takeSnapshot(town.stub);
    expect([due.liveness, due.revival]).toEqual([null, null]);
    await town.elapse(0);
    await pass(town, MINUTE);
    expect(await town.alarmAt()).toBeNull();
  });

  it('a revoked agent is not watched: nothing that it says is heard', async () => {
    const { town } = await atWork();
    await town.api('POST', '/agents/ada/revoke');
    expect((await takeSnapshot(town.stub)).due.liveness).toBeNull();
    await pass(town, 30 * MINUTE);
    expect(await eventsOf(town, 'reeve.agent.stalled')).toEqual([]);
    expect((await town.read('ada')).incarnation).toBe(1);
  });
});

describe('who is watched no more', () => {
  it('an agent that goes to work after its revocation, because a delivery was under way, is not watched', async () => {
    lab.pushTimeoutMs = 60_000;
    const town = await TestTown.create();
    await town.agent('ada');
    const answered = Promise.withResolvers<void>();
    town.container().after = async (request, answer) => {
      if (request.path.endsWith('/messages')) await answered.promise;
      return answer;
    };
    const { id } = await town.send('ada', 'work 3600');
    await expect.poll(() => lab.turns.some(({ message }) => message === id)).toBe(true);
    await town.api('POST', '/agents/ada/revoke');
    answered.resolve();
    await expect.poll(async () => (await town.read('ada')).state).toBe('working');
    expect((await takeSnapshot(town.stub)).due.liveness).toBeNull();
    await pass(town, 15 * MINUTE);
    expect(await town.read('ada')).toMatchObject({ state: 'working', incarnation: 1 });
    expect(await eventsOf(town, 'reeve.agent.stalled')).toEqual([]);
  });
});

describe('silence', () => {
  it('after three heartbeats an agent is stalled, which is reported once, and at its next heartbeat at work, which is reported once', async () => {
    const { town, ada } = await atWork();
    const speak = silence(ada.id);
    await pass(town, 3 * MINUTE);
    expect(await town.read('ada')).toMatchObject({ state: 'stalled', incarnation: 1 });
    expect(await eventsOf(town, 'reeve.agent.stalled')).toEqual([{ incarnation: 1, why: 'silent' }]);
    expect(await codes(town)).toContain('agent_silent');
    speak();
    await pass(town, MINUTE);
    expect((await town.read('ada')).state).toBe('working');
    expect(await eventsOf(town, 'reeve.agent.recovered')).toEqual([{ incarnation: 1, was: 'silent' }]);
    expect(await codes(town)).not.toContain('agent_silent');
    expect(await eventsOf(town, 'reeve.agent.stalled')).toHaveLength(1);
  });

  it('is stalled, not gone: the turn goes on, and is not run again', async () => {
    const { town, ada, id } = await atWork();
    silence(ada.id);
    await pass(town, 9 * MINUTE);
    expect(await town.message('ada', id)).toMatchObject({ state: 'working', attempts: 1 });
    expect(await eventsOf(town, 'reeve.agent.gone')).toEqual([]);
    expect(lab.turns.filter(({ message }) => message === id)).toHaveLength(1);
  });

  it('an answer of its container to a delivery is no sign of the agent: it stays stalled', async () => {
    const { town, ada } = await atWork();
    silence(ada.id);
    await pass(town, 3 * MINUTE);
    const { id } = await town.send('ada', 'more');
    await expect.poll(async () => (await town.message('ada', id)).state).toBe('delivered');
    expect((await town.read('ada')).state).toBe('stalled');
  });

  it('a town that was away gives every agent its whole time again: none is given up for calls that could not arrive', async () => {
    const { town, id } = await atWork();
    const back = cutOff(town);
    lab.clock.advance(3 * HOUR);
    await runDurableObjectAlarm(town.stub);
    expect((await town.read('ada')).state).toBe('working');
    back();
    await pass(town, 20 * MINUTE);
    expect(await town.read('ada')).toMatchObject({ state: 'working', incarnation: 1 });
    expect(await town.message('ada', id)).toMatchObject({ state: 'working', attempts: 1 });
    expect(await eventsOf(town, 'reeve.container.lost')).toEqual([]);
  });
});

describe('no output', () => {
  /** An agent whose heartbeats the test writes; the container's own do not come through. */
  async function quietAgent() {
    const { town, ada } = await atWork();
    silence(ada.id);
    const token = lastTokenOf(ada);
    return { town, token, from: lab.clock.now() };
  }

  it('for 15 minutes is a stalled agent, reported once; output brings it back', async () => {
    const { town, token, from } = await quietAgent();
    for (let minute = 1; minute <= 20; minute += 1) {
      await pass(town, MINUTE);
      await beat(token, from);
      const expected = lab.clock.now() - from >= 15 * MINUTE ? 'stalled' : 'working';
      expect((await town.read('ada')).state, `minute ${minute}`).toBe(expected);
    }
    expect(await eventsOf(town, 'reeve.agent.stalled')).toEqual([{ incarnation: 1, why: 'no_output' }]);
    expect(await codes(town)).toContain('agent_no_output');
    await beat(token, lab.clock.now());
    expect((await town.read('ada')).state).toBe('working');
    expect(await eventsOf(town, 'reeve.agent.recovered')).toEqual([{ incarnation: 1, was: 'no_output' }]);
    expect((await town.read('ada')).incarnation).toBe(1);
  });

  it('is not hidden by a time in the future that is said again and again', async () => {
    const { town, token, from } = await quietAgent();
    for (let minute = 1; minute <= 16; minute += 1) {
      await pass(town, MINUTE);
      await beat(token, from + 24 * HOUR);
    }
    expect((await town.read('ada')).state).toBe('stalled');
  });

  it('is not seen in an agent that was at work before its town monitored agents: its time begins with the first liveness check', async () => {
    const { town } = await atWork();
    await pass(town, MINUTE);
    // What the step that brought the watch leaves of an older town's row.
    await rewrite(town, 'UPDATE agents SET watched_from_ms = 0, progress_at_ms = NULL, look_at_ms = last_heard_at_ms');
    await runDurableObjectAlarm(town.stub);
    await pass(town, 10 * MINUTE);
    expect(await eventsOf(town, 'reeve.agent.stalled')).toEqual([]);
  });

  it('is not hidden by a time in the future: progress counts by the town’s clock', async () => {
    const { town, token, from } = await quietAgent();
    await beat(token, from + 24 * HOUR);
    for (let minute = 1; minute <= 16; minute += 1) {
      await pass(town, MINUTE);
      await beat(token, null);
    }
    expect((await town.read('ada')).state).toBe('stalled');
  });
});
