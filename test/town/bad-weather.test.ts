import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import type { IssuedToken, TownHealth, TownView } from '../../src/protocol/index.ts';
import type { SweepReport } from '../../src/town/state/sweep-store.ts';
import { HANGS, lab, type LabRequest } from './support/lab.ts';
import { dump, putBack } from './support/past-states.ts';
import { lastTokenOf } from './support/tokens.ts';
import { silence } from './support/passing.ts';
import { TestTown, api } from './support/town.ts';

const HOUR = 3_600_000;
const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };
const down = () => ({ status: 500, headers: {}, body: '' });
const isPush = ({ path }: LabRequest): boolean => path.includes('/refresh-token');
const health = async (town: TestTown): Promise<TownHealth> => (await town.api<TownHealth>('GET', '/health')).body;

/** Two towns' worth of containers in one town: four agents each. */
async function townWithContainers(count: number): Promise<{ town: TestTown; names: string[] }> {
  const town = await TestTown.create();
  const names = Array.from({ length: count * 4 }, (_, at) => `agent-${at}`);
  for (const name of names) await town.agent(name);
  return { town, names };
}

/** Turns the clock until a sweep that found something to do is over. */
async function untilSweep(town: TestTown): Promise<void> {
  const read = async (): Promise<TownView> => (await town.api<TownView>('GET', '')).body;
  const last = (await read()).last_sweep?.started_at;
  for (let now = await read(); now.last_sweep?.started_at === last || now.last_sweep?.due === 0; now = await read()) {
    await town.elapse(Date.parse(now.next_sweep_at ?? '') - lab.clock.now() + 1000);
  }
}

describe('failing containers', () => {
  it('A-04, S-09: a container that hangs is cut, and every other agent is refreshed before its answer is given up', async () => {
    const { town } = await townWithContainers(2);
    await town.work('agent-0');
    await town.work('agent-4');
    const order: string[] = [];
    town.container(0).before = (request) => (isPush(request) ? HANGS : null);
    town.container(1).after = (request, answer) => {
      if (isPush(request)) order.push('refreshed');
      return answer;
    };
    const forced = town.api<SweepReport>('POST', '/refresh', {}).then(({ body }) => {
      order.push('cut');
      return body;
    });
    const delivered = town.send('agent-5', 'hello').then(({ id }) => town.until('agent-5', id, 'done'));
    await delivered.then(() => order.push('delivered'));
    const report = await forced;
    expect(order.at(-1)).toBe('cut');
    expect(order).toContain('refreshed');
    expect(order).toContain('delivered');
    expect(report).toMatchObject({ due: 8, ok: 4, failed: 4 });
    expect(new Set(report.results.map(({ outcome }) => outcome))).toEqual(new Set(['applied', 'timeout']));
  });

  it('S-10: in a batch with an unknown, a retired and a conflicting agent each gets its own treatment', async () => {
    const town = await TestTown.create();
    const agents = await Promise.all(['ada', 'bob', 'cyd', 'dan'].map((name) => town.agent(name)));
    for (const { name } of agents) await town.work(name);
    const outcomes = ['applied', 'unknown_agent', 'retired', 'conflict'];
    town.container().after = (request, answer) => {
      if (request.path !== '/agents/refresh-tokens') return answer;
      const { results } = JSON.parse(answer.body) as { results: { agent: string; outcome: string }[] };
      const changed = results.map((result) => {
        return { ...result, outcome: outcomes[agents.findIndex(({ id }) => id === result.agent)] };
      });
      return { ...answer, body: JSON.stringify({ results: changed }) };
    };
    const { body } = await town.api<SweepReport>('POST', '/refresh', {});
    expect(body.results.map(({ outcome }) => outcome).sort()).toEqual([...outcomes].sort());
    town.container().after = (_, answer) => answer;
    expect((await town.read('ada')).credential).toMatchObject({ last_outcome: 'applied', last_error: null });
    // The one that the container does not know is gone: it starts again. The other two are pushed again.
    await expect.poll(async () => (await town.read('bob')).incarnation).toBe(2);
    const [cyd, dan] = await Promise.all([town.read('cyd'), town.read('dan')]);
    expect([cyd.credential.last_outcome, dan.credential.last_outcome]).toEqual(['retired', 'conflict']);
    await town.elapse(60_000);
    expect((await town.read('dan')).credential).toMatchObject({ last_outcome: 'applied', last_error: null });
  });

  it('S-10: a container that answers 429 with Retry-After 30 is left alone for 30 s, then asked again', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.work('ada');
    // What is shown here is the push: its heartbeat would make it pull meanwhile.
    silence(ada.id);
    const busy = { status: 429, headers: { 'retry-after': '30' }, body: '' };
    town.container().before = (request) => (isPush(request) ? busy : null);
    const { body } = await town.api<SweepReport>('POST', '/refresh', {});
    expect(body).toMatchObject({ ok: 0, failed: 1, results: [{ outcome: 'busy' }] });
    town.container().before = () => null;
    const due = Date.parse((await town.read('ada')).credential.next_due_at ?? '');
    expect(due - lab.clock.now()).toBeGreaterThanOrEqual(30_000);
    const pushes = () => town.container().requests.filter(isPush).length;
    const before = pushes();
    await town.elapse(29_000);
    expect(pushes()).toBe(before);
    await town.elapse(60_000);
    expect((await town.read('ada')).credential).toMatchObject({ last_outcome: 'applied' });
  });

  it('S-05: one poisoned agent among many: all others are refreshed, the one is visible, the alarm is armed', async () => {
    const { town, names } = await townWithContainers(3);
    for (const name of names) await town.work(name);
    const poisoned = await town.read('agent-5');
    // Its container chokes on any request that holds this agent's token.
    town.container(1).before = (request) => {
      if (!isPush(request)) return null;
      const body = JSON.parse(request.body) as { grants?: IssuedToken[]; grant?: IssuedToken };
      const tokens = body.grants ?? (body.grant === undefined ? [] : [body.grant]);
      return tokens.some(({ agent }) => agent === poisoned.id) ? { status: 400, headers: {}, body: '' } : null;
    };
    await town.elapse(2 * HOUR);
    const agents = await Promise.all(names.map((name) => town.read(name)));
    for (const { id, credential } of agents) {
      const bad = id === poisoned.id;
      expect(credential).toMatchObject(bad ? { last_outcome: 'refused' } : { reason: 'sweep', last_error: null });
    }
    const { reasons } = await health(town);
    expect(reasons.map(({ code, agent }) => [code, agent])).toContainEqual(['pushes_fail', poisoned.id]);
    expect(reasons.every(({ agent }) => agent === poisoned.id)).toBe(true);
    expect(await town.alarmAt()).not.toBeNull();
  });

  it('A-07: two sweeps in a row that achieve nothing turn the health of the town red, and one that does, green', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.work('ada');
    expect(await health(town)).toEqual({ status: 'green', reasons: [] });
    town.container().before = (request) => (isPush(request) ? down() : null);
    await untilSweep(town);
    const failing = await health(town);
    expect(failing).toMatchObject({ status: 'amber', reasons: [{ code: 'pushes_fail', agent: ada.id }] });
    await untilSweep(town);
    const red = await health(town);
    expect(red.status).toBe('red');
    expect(red.reasons.map(({ code }) => code)).toContain('sweeps_fail');
    for (const { since, advice } of red.reasons) {
      expect(Date.parse(since)).toBeLessThanOrEqual(lab.clock.now());
      expect(advice).not.toBe('');
    }
    town.container().before = () => null;
    await town.elapse(HOUR + 60_000);
    expect(await health(town)).toEqual({ status: 'green', reasons: [] });
  });
});

describe('A-07: what two sweeps in a row are', () => {
  it('A-07: one that refreshed an agent is no failure, also where it failed for others: the next one alone is not red', async () => {
    const { town } = await townWithContainers(2);
    await town.work('agent-0');
    await town.work('agent-4');
    const fails = (request: LabRequest) => (isPush(request) ? down() : null);
    const codesNow = async (): Promise<string[]> => (await health(town)).reasons.map(({ code }) => code);
    town.container(1).before = fails;
    await untilSweep(town);
    expect((await town.api<TownView>('GET', '')).body.last_sweep).toMatchObject({ due: 2, ok: 1, failed: 1 });
    town.container(0).before = fails;
    await untilSweep(town);
    expect((await town.api<TownView>('GET', '')).body.last_sweep).toMatchObject({ due: 2, ok: 0, failed: 2 });
    expect(await codesNow()).not.toContain('sweeps_fail');
    await untilSweep(town);
    expect(await codesNow()).toContain('sweeps_fail');
  });
});

describe('a town that was away', () => {
  it('S-06: an alarm that is lost is set again by any request', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.work('ada');
    // Past the safety retry of the delivery: what is due next is the sweep.
    await town.elapse(60_000);
    const due = await town.alarmAt();
    await runInDurableObject(town.stub, (_, state) => state.storage.deleteAlarm());
    await town.api<TownView>('GET', '');
    expect(await town.alarmAt()).toBe(due);
    await runInDurableObject(town.stub, (_, state) => state.storage.deleteAlarm());
    const beat = await api('POST', '/v1/agent/heartbeat', HEARTBEAT, lastTokenOf(await town.read('ada')));
    expect([beat.status, await town.alarmAt()]).toEqual([200, due]);
  });

  it('K-04: a sleeping container gets no request in 24 idle hours of alarms, reads and forced sweeps; at wake-up a fresh token is applied first', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    const { id: earlier } = await town.send('ada', 'hello');
    await town.until('ada', earlier, 'done');
    town.container().sleep();
    const seen = town.container().requests.length;
    for (let hour = 0; hour < 24; hour += 6) {
      await town.elapse(6 * HOUR);
      for (const path of ['', '/health', '/agents', '/agents/ada', '/events']) await town.api('GET', path);
      await town.api('POST', '/refresh', {});
      await evictDurableObject(town.stub);
      await runDurableObjectAlarm(town.stub);
    }
    expect(town.container().requests.length).toBe(seen);
    expect(town.container().wakes).toBe(0);
    const { id } = await town.send('ada', 'good morning');
    await town.until('ada', id, 'done');
    const [, , start] = town.container().requests.slice(seen);
    expect(start?.path).toBe(`/agents/${ada.id}/start`);
    const { grant: issued } = JSON.parse(start?.body ?? '{}') as { grant: IssuedToken };
    expect(lab.clock.now() - Date.parse(issued.issued_at)).toBeLessThan(60_000);
  });

  it('M-18: a heartbeat whose generation lags a mint that is unacked for 10 s gets that answer, and the container catches up', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.work('ada');
    const token = lastTokenOf(ada);
    town.container().before = (request) => (isPush(request) ? down() : null);
    await town.api('POST', '/agents/ada/refresh', {});
    const early = await api<{ lagging: boolean }>('POST', '/v1/agent/heartbeat', HEARTBEAT, token);
    expect(early.body).toEqual({ minted: 3, lagging: false });
    lab.clock.advance(31_000);
    const inUse = async () => {
      lab.clock.advance(300);
      return (await town.read('ada')).credential.in_use;
    };
    await expect.poll(inUse).toBeGreaterThan(3);
    expect((await town.read('ada')).credential).toMatchObject({ reason: 'pull', last_outcome: 'pulled' });
  });
});

describe('a restored database', () => {
  it('S-26: it revives no token, and live agents come back by themselves', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    const bob = await town.agent('bob');
    await town.work('ada');
    const { id } = await town.work('bob');
    // A backup is taken; afterwards bob is retired, and then the database is put back.
    const backup = await runInDurableObject(town.stub, (_, { storage }) => dump(storage.sql));
    const tokens = [lastTokenOf(ada), lastTokenOf(bob)];
    await town.api('DELETE', '/agents/bob');
    await runInDurableObject(town.stub, (_, { storage }) => putBack(storage.sql, backup));
    await evictDurableObject(town.stub);
    expect((await town.read('bob')).state).toBe('working');
    const { status, body } = await town.api('POST', '/restored');
    expect([status, body]).toEqual([200, { containers: 1, renewed: 1 }]);
    for (const token of tokens) {
      expect((await api('POST', '/v1/agent/heartbeat', HEARTBEAT, token)).status).toBe(401);
    }
    await town.elapse(5000);
    await town.until(
      'ada',
      (await town.api<{ items: { id: string }[] }>('GET', '/agents/ada/messages')).body.items[0]?.id ?? '',
      'working',
    );
    await town.until('bob', id, 'working');
    expect((await town.read('ada')).incarnation).toBe(2);
    for (const token of tokens) {
      expect((await api('POST', '/v1/agent/heartbeat', HEARTBEAT, token)).status).toBe(401);
    }
  });

  it('S-26: a container that is not reached gives its old session up all the same, and cannot pull with it', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.work('ada');
    town.container().before = down;
    expect((await town.api('POST', '/restored')).body).toEqual({ containers: 1, renewed: 0 });
    const seen = lab.agentCalls.length;
    lab.clock.advance(31_000);
    await expect.poll(() => lab.agentCalls.length - seen).toBeGreaterThanOrEqual(2);
    expect(lab.agentCalls.slice(seen).every(({ status }) => status === 401)).toBe(true);
    town.container().before = () => null;
    await town.elapse(2 * HOUR);
    await expect.poll(async () => (await town.read('ada')).incarnation).toBe(2);
  });
});
