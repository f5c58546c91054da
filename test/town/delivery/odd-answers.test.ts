/** Answers that come too late, or that no container in its right mind gives: each has one meaning, and costs no other agent anything. */
import { runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { MAX_AGENTS_PER_TOWN, makeId, ROLES, type AgentView, type TownView } from '../../../src/protocol/index.ts';
import { randomBytes } from '../../../src/lib/secret.ts';
import { AgentStore } from '../../../src/roster/agent-store.ts';
import type { SweepReport } from '../../../src/town/state/sweep-store.ts';
import { HANGS, lab, type LabAnswer, type LabRequest } from '../support/lab.ts';
import { TestTown } from '../support/town.ts';

const isPush = ({ path }: LabRequest): boolean => path.includes('/refresh-token');
const isStart = ({ path }: LabRequest): boolean => path.endsWith('/start');

/** Something that a test lets go on when it wants to. */
function held(): { readonly until: Promise<null>; readonly release: () => void } {
  const { promise, resolve } = Promise.withResolvers<null>();
  return { until: promise, release: () => resolve(null) };
}

describe('an answer that comes too late', () => {
  it('a push that is overtaken by a delivery is stale: the newer token stays, and nothing is pushed again', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.work('ada');
    const push = held();
    town.container().before = (request) => (isPush(request) ? push.until : null);
    const forced = town.api<SweepReport>('POST', '/refresh', {});
    await expect.poll(() => town.container().requests.filter(isPush).length).toBe(1);
    const overtaken = (await town.read('ada')).credential.minted;
    await town.send('ada', 'hello');
    await expect.poll(async () => (await town.read('ada')).credential.acked).toBe(overtaken + 1);
    push.release();
    expect((await forced).body).toMatchObject({ ok: 1, failed: 0, results: [{ outcome: 'stale' }] });
    const { credential } = await town.read('ada');
    expect(credential).toMatchObject({ acked: overtaken + 1, last_outcome: 'stale', last_error: null });
    await town.elapse(60_000);
    expect(town.container().requests.filter(isPush)).toHaveLength(1);
  });

  it.each(['DELETE', 'POST /stop', 'POST /revoke'])(
    '%s while its container is still being opened: no token is minted and nothing is started',
    async (order) => {
      const town = await TestTown.create();
      const opening = held();
      town.container().before = ({ path }) => (path === '/session' ? opening.until : null);
      const created = town.api<AgentView>('POST', '/agents', { name: 'ada' });
      await expect.poll(() => town.container().requests.some(({ path }) => path === '/session')).toBe(true);
      const [method = '', verb = ''] = order.split(' ');
      const ended = town.api<AgentView>(method, `/agents/ada${verb}`);
      await expect.poll(async () => (await town.read('ada')).state).not.toBe('starting');
      opening.release();
      await Promise.all([created, ended]);
      await town.elapse(60_000);
      expect(town.container().requests.filter(isStart)).toEqual([]);
      const { id } = (await created).body;
      expect((await town.read(id)).credential.minted).toBe(0);
      expect(await town.alarmAt()).toBeNull();
    },
  );
});

describe('an answer that is not expected', () => {
  it('a start that the container calls stale, because it runs or stopped a higher one: the next incarnation starts at once', async () => {
    const town = await TestTown.create();
    let starts = 0;
    town.container().after = (request, answer): LabAnswer => {
      if (!isStart(request)) return answer;
      starts += 1;
      if (starts > 1) return answer;
      const stale = { ...(JSON.parse(answer.body) as object), outcome: 'stale', gen: 0, process_id: 0 };
      return { ...answer, status: 409, body: JSON.stringify(stale) };
    };
    await town.agent('ada');
    const { id } = await town.send('ada', 'hello');
    await town.until('ada', id, 'done');
    expect(await town.read('ada')).toMatchObject({ state: 'idle', incarnation: 2 });
  });

  it('K-13: a container that calls every start stale is asked ever more rarely, and the agent fails in the end', async () => {
    const town = await TestTown.create();
    town.container().after = (request, answer): LabAnswer => {
      if (!isStart(request)) return answer;
      const stale = { ...(JSON.parse(answer.body) as object), outcome: 'stale', gen: 0, process_id: 0 };
      return { ...answer, status: 409, body: JSON.stringify(stale) };
    };
    await town.agent('ada');
    const starts = () => town.container().requests.filter(isStart).length;
    await town.elapse(10);
    expect(starts()).toBe(2);
    await town.elapse(30 * 60_000);
    expect(starts()).toBe(7);
    expect((await town.read('ada')).state).toBe('failed');
  });

  it('an interrupt of which the container says that it does not run the agent: it is gone, and its turn runs again', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    const { id } = await town.work('ada', 2);
    const unknown = JSON.stringify({ agent: ada.id, inc: 1, outcome: 'unknown_agent', message: null });
    town.container().before = ({ path }) =>
      path.endsWith('/interrupt') ? { status: 404, headers: {}, body: unknown } : null;
    await town.api('POST', '/agents/ada/interrupt');
    await town.elapse(1000);
    await town.until('ada', id, 'done');
    expect(await town.message('ada', id)).toMatchObject({ attempts: 2, reply: 'worked 2 s' });
    expect(await town.read('ada')).toMatchObject({ incarnation: 2 });
  });

  it('an interrupt of an agent whose container has gone to sleep: its turn runs again where it wakes', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const { id } = await town.work('ada', 2);
    town.container().sleep();
    await town.api('POST', '/agents/ada/interrupt');
    await town.elapse(1000);
    await town.until('ada', id, 'done');
    expect(await town.message('ada', id)).toMatchObject({ attempts: 2 });
    expect(town.container().wakes).toBe(1);
  });

  it('A-14: an agent that is missing from the answer to a batch has failed, and is pushed again; the others have not', async () => {
    const town = await TestTown.create();
    const [ada, bob] = [await town.agent('ada'), await town.agent('bob')];
    for (const { name } of [ada, bob]) await town.work(name);
    const before = (await town.read('bob')).credential;
    const applied = { agent: ada.id, inc: 1, gen: before.minted + 1, outcome: 'applied' };
    const answer = { status: 200, headers: {}, body: JSON.stringify({ results: [applied] }) };
    town.container().before = ({ path }) => (path === '/agents/refresh-tokens' ? answer : null);
    const { body } = await town.api<SweepReport>('POST', '/refresh', {});
    expect(body).toMatchObject({ due: 2, ok: 1, failed: 1 });
    expect(body.results.find(({ agent }) => agent === bob.id)?.outcome).toBe('no_result');
    expect((await town.read('bob')).credential).toMatchObject({ acked: before.acked, last_outcome: 'no_result' });
    town.container().before = () => null;
    await town.elapse(60_000);
    const { credential } = await town.read('bob');
    expect(credential).toMatchObject({ acked: credential.minted, last_outcome: 'applied', last_error: null });
  });

  it('T7: a sweep leaves a container alone that is in backoff after a timeout, and comes when that is over', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.work('ada');
    const beforeSweep = async (): Promise<number> => {
      const { body } = await town.api<TownView>('GET', '');
      return Date.parse(body.next_sweep_at ?? '') - lab.clock.now() - 1000;
    };
    // Past one sweep, so that the token is old enough at the next, whatever the town's phase.
    await town.elapse((await beforeSweep()) + 2000);
    await town.elapse(await beforeSweep());
    const pushes = (): number => town.container().requests.filter(isPush).length;
    const swept = pushes();
    town.container().before = ({ path }) => (path.endsWith('/messages') ? HANGS : null);
    await town.send('ada', 'hello');
    await expect.poll(async () => (await town.read('ada')).credential.last_outcome).toBe('timeout');
    town.container().before = () => null;
    await town.elapse(2000);
    const { last_sweep: sweep } = (await town.api<TownView>('GET', '')).body;
    expect(sweep).toMatchObject({ due: 1, ok: 0, results: [{ outcome: 'held' }] });
    expect(pushes()).toBe(swept);
    await town.elapse(60_000);
    const { credential } = await town.read('ada');
    expect(credential).toMatchObject({ acked: credential.minted, last_error: null });
  });
});

describe('a town that is full', () => {
  it(`has ${MAX_AGENTS_PER_TOWN} agents; one more is refused with 429, and has a place when another is torn down`, async () => {
    const town = await TestTown.create();
    await runInDurableObject(town.stub, (_, { storage }) => {
      const agents = new AgentStore(storage.sql);
      for (let nth = 1; nth < MAX_AGENTS_PER_TOWN; nth += 1) {
        const id = makeId('agt', randomBytes(20));
        const agent = { id, name: `agent-${nth}`, role: 'worker' as const, scopes: ROLES.worker, container: nth };
        agents.add({ ...agent, createdAtMs: lab.clock.now() }, lab.clock.now());
        agents.move(id, 'stopped');
        agents.planStart(id, null, 0);
      }
    });
    await town.agent('the-last');
    const refused = await town.api<{ code: string }>('POST', '/agents', { name: 'one-more' });
    expect([refused.status, refused.body.code]).toEqual([429, 'limit_exceeded']);
    await town.api('DELETE', '/agents/the-last');
    await town.agent('one-more');
  });
});
