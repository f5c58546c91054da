import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { lab } from '../support/lab.ts';
import { inside } from '../support/inside.ts';
import { TestTown } from '../support/town.ts';
import type { TownView } from '../../../src/protocol/index.ts';

const HOUR = 3_600_000;

async function sweepOf(town: TestTown): Promise<TownView> {
  return (await town.api<TownView>('GET', '')).body;
}

describe('the hourly sweep', () => {
  it('refreshes every agent at work, in one request per container, and leaves idle agents alone', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.agent('bob');
    await town.agent('idle');
    await town.work('ada');
    await town.work('bob');
    const before = town.container().requests.length;
    await town.elapse(2 * HOUR);
    const pushes = town.container().requests.slice(before);
    expect(pushes.every(({ path }) => path === '/agents/refresh-tokens')).toBe(true);
    expect(pushes.length).toBeGreaterThanOrEqual(1);
    const [ada, bob, idle] = await Promise.all(['ada', 'bob', 'idle'].map((name) => town.read(name)));
    expect(ada?.credential).toMatchObject({ reason: 'sweep', last_outcome: 'applied', last_error: null });
    expect(ada?.credential.acked).toBe(ada?.credential.minted);
    expect(bob?.credential.reason).toBe('sweep');
    expect(idle?.credential).toMatchObject({ minted: 1, reason: 'start' });
  });

  it('is one point for those who watch the fleet, with what came of it', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.work('ada', 20_000);
    await town.elapse(3 * HOUR);
    const finished = (await town.events()).filter(({ type }) => type === 'reeve.sweep.finished');
    expect(finished.length).toBeGreaterThan(1);
    const points = lab.sweeps.filter((point) => point.town === town.id);
    expect(points.map(({ sweep }) => sweep)).toMatchObject(finished.map(({ data }) => data));
  });

  it('A-01: a town that comes up with a sweep that is overdue refreshes at once; one due in 59 minutes waits', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.work('ada', 20_000);
    const due = Date.parse((await sweepOf(town)).next_sweep_at ?? '') + HOUR;
    await town.elapse(due - 59 * 60_000 - lab.clock.now());
    await evictDurableObject(town.stub);
    const early = (await town.read('ada')).credential.minted;
    await runDurableObjectAlarm(town.stub);
    expect((await town.read('ada')).credential.minted).toBe(early);
    expect(await town.alarmAt()).toBe(due);
    lab.clock.advance(due + HOUR - lab.clock.now());
    await evictDurableObject(town.stub);
    await runDurableObjectAlarm(town.stub);
    expect((await town.read('ada')).credential).toMatchObject({ minted: early + 1, reason: 'sweep' });
  });

  it('that is stored further away than one interval, because intervals were longer, comes within one of now', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.work('ada', 20_000);
    await inside(town, (p) => p.town.planSweep(lab.clock.now() + 8 * HOUR));
    await evictDurableObject(town.stub);
    await town.api('GET', '');
    expect(Date.parse((await sweepOf(town)).next_sweep_at ?? '')).toBeLessThanOrEqual(lab.clock.now() + HOUR);
    expect(await town.alarmAt()).toBeLessThanOrEqual(lab.clock.now() + HOUR);
    await town.elapse(2 * HOUR);
    expect((await town.read('ada')).credential.reason).toBe('sweep');
  });

  it('A-03: a container that fails leaves all others refreshed, and its agents due again', async () => {
    const town = await TestTown.create();
    // Four agents fill the first container; the next one goes to a second.
    for (let at = 0; at < 4; at += 1) await town.agent(`a-${at}`);
    const alone = await town.agent('other');
    expect(alone.container).toBe(town.containerName(1));
    await town.work('a-0');
    await town.work('a-1');
    await town.work('other');
    town.container(0).before = () => ({ status: 500, headers: {}, body: '' });
    await town.elapse(2 * HOUR);
    const { credential: failed } = await town.read('a-0');
    expect(failed).toMatchObject({ last_outcome: 'server_error' });
    expect(Date.parse(failed.next_due_at ?? '')).toBeLessThan(lab.clock.now() + 300_000);
    expect((await town.read('other')).credential).toMatchObject({ reason: 'sweep', last_outcome: 'applied' });
    town.container(0).before = () => null;
    await town.elapse(600_000);
    expect((await town.read('a-1')).credential).toMatchObject({ last_outcome: 'applied', last_error: null });
  });

  it("A-05: a sweep's counts and results are stored and readable; due = ok + failed + skipped", async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.work('ada');
    await town.elapse(2 * HOUR);
    const { last_sweep: sweep } = await sweepOf(town);
    expect(sweep).toMatchObject({ due: 1, ok: 1, failed: 0, skipped: 0 });
    expect(sweep?.results).toEqual([{ agent: ada.id, outcome: 'applied', generation: expect.any(Number) }]);
    const events = await town.events();
    expect(events.filter(({ type }) => type === 'reeve.sweep.finished').at(-1)?.data).toMatchObject({ due: 1, ok: 1 });
  });

  it('S-04: an alarm that fires twice mints nothing the second time', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.work('ada');
    await town.elapse(2 * HOUR);
    const { minted } = (await town.read('ada')).credential;
    await runDurableObjectAlarm(town.stub);
    await runDurableObjectAlarm(town.stub);
    expect((await town.read('ada')).credential.minted).toBe(minted);
  });

  it('leaves a token out that a delivery renewed less than half an interval ago', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.work('ada');
    await town.elapse(HOUR);
    const due = (await town.alarmAt()) ?? 0;
    lab.clock.advance(due - lab.clock.now() - 60_000);
    await town.send('ada', 'one more');
    await expect.poll(async () => (await town.read('ada')).credential.reason).toBe('delivery');
    const { minted } = (await town.read('ada')).credential;
    await town.elapse(120_000);
    expect((await town.read('ada')).credential.minted).toBe(minted);
    expect((await sweepOf(town)).last_sweep).toMatchObject({ due: 0 });
  });

  it('K-06: due times survive an eviction, and no push is made before its time', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.work('ada');
    const { credential, ...before } = await town.read('ada');
    const pushes = town.container().requests.length;
    for (let round = 0; round < 5; round += 1) {
      await evictDurableObject(town.stub);
      await runDurableObjectAlarm(town.stub);
    }
    const after = await town.read('ada');
    expect(after.credential.next_due_at).toBe(credential.next_due_at);
    expect(after.credential.minted).toBe(credential.minted);
    expect(after.state).toBe(before.state);
    expect(town.container().requests.length).toBe(pushes);
  });

  it('K-10: a town without live agents has no alarm, nor has one whose agents are all idle', async () => {
    const town = await TestTown.create();
    expect(await town.alarmAt()).toBeNull();
    await town.agent('ada');
    expect(await town.alarmAt()).toBeNull();
    const { id } = await town.send('ada', 'hello');
    await town.until('ada', id, 'done');
    await town.elapse(60_000);
    expect(await town.alarmAt()).toBeNull();
    await town.work('ada');
    expect(await town.alarmAt()).not.toBeNull();
    await town.api('DELETE', '/agents/ada');
    await town.elapse(60_000);
    expect(await town.alarmAt()).toBeNull();
  });

  it('A-09: with the default numbers a token has more than half its life left when it is delivered and at every sweep', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.work('ada');
    for (let round = 0; round < 4; round += 1) {
      await town.elapse(HOUR);
      const { issued_at, expires_at } = (await town.read('ada')).credential;
      const life = Date.parse(expires_at ?? '') - Date.parse(issued_at ?? '');
      expect((Date.parse(expires_at ?? '') - lab.clock.now()) / life).toBeGreaterThan(0.5);
    }
  });

  it.each([
    ['just short of half an interval before a sweep, which leaves it out', HOUR / 2 - 60_000, 'delivery'],
    ['half an interval before a sweep, which renews it', HOUR / 2 + 1000, 'sweep'],
    ['almost a whole interval before a sweep, which renews it', HOUR - 60_000, 'sweep'],
  ])(
    'A-09: a token has more than half its life left to the end of the next interval, whatever the phase: delivered %s',
    async (_, beforeMs, reason) => {
      const town = await TestTown.create();
      await town.agent('ada');
      await town.work('ada');
      const sweepAt = async (): Promise<number> => Date.parse((await sweepOf(town)).next_sweep_at ?? '');
      await town.elapse((await sweepAt()) + 1000 - lab.clock.now());
      const first = await sweepAt();
      await town.elapse(first - beforeMs - lab.clock.now());
      const { id } = await town.send('ada', 'one more');
      await expect.poll(async () => (await town.message('ada', id)).state).toBe('delivered');
      expect((await town.read('ada')).credential).toMatchObject({ reason: 'delivery', last_outcome: 'applied' });
      await town.elapse(first + 1000 - lab.clock.now());
      expect((await town.read('ada')).credential.reason).toBe(reason);
      // To the last moment before the sweep after that one.
      expect(await sweepAt()).toBe(first + HOUR);
      await town.elapse(first + HOUR - 1000 - lab.clock.now());
      const { issued_at, expires_at } = (await town.read('ada')).credential;
      const [issuedMs, expiresMs] = [Date.parse(issued_at ?? ''), Date.parse(expires_at ?? '')];
      expect((expiresMs - lab.clock.now()) / (expiresMs - issuedMs)).toBeGreaterThan(0.5);
    },
  );
});
