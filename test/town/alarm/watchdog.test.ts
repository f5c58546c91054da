import { SELF, env, runInDurableObject } from 'cloudflare:test';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Directory } from '../../../src/directory/directory-store.ts';
import { edgeOf } from '../../../src/http/edge/edge.ts';
import { watchTowns, type WatchReport } from '../../../src/http/watchdog.ts';
import { randomBytes } from '../../../src/lib/secret.ts';
import { makeId, type TownId } from '../../../src/protocol/index.ts';
import { earliestDue } from '../../../src/town/state/alarm-plan.ts';
import { tablesOf } from '../support/footprint.ts';
import { lab } from '../support/lab.ts';
import { takeSnapshot } from '../support/snapshot.ts';
import { TestTown } from '../support/town.ts';
import { DEV_TOKEN, PUBLIC_URL, deployment } from '../support/wiring.ts';
import { PATIENT } from '../../support/patient.ts';

/** The directory of a file outlives its tests: each looks at its own towns only. */
beforeEach(() =>
  env.DIRECTORY.prepare('DELETE FROM towns')
    .run()
    .then(() => undefined),
);

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** What the directory has of a town. */
const entry = async (town: TownId) =>
  env.DIRECTORY.prepare('SELECT * FROM towns WHERE id = ?').bind(town).first<{ next_due_at_ms: number | null }>();
const saidDue = async (town: TestTown): Promise<number | null> => (await entry(town.id))?.next_due_at_ms ?? null;
/** Waits for what a town says behind its answer. */
const untilSaid = (town: TestTown, due: number | null): Promise<void> =>
  vi.waitFor(async () => expect(await saidDue(town)).toBe(due), PATIENT);

/** When it really has something to do next. */
const dueOf = async (town: TestTown): Promise<number> => {
  const due = earliestDue((await takeSnapshot(town.stub)).due);
  if (due === null) throw new Error('nothing is due');
  return due;
};

/** Runs the watchdog over the real towns; `touched` are those that it called. */
async function watch(poisoned: readonly TownId[] = []): Promise<{ report: WatchReport; touched: TownId[] }> {
  const { config, issuer } = await deployment();
  const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const edge = { ...edgeOf(env, config), clock: lab.clock, issuer, log: silent };
  const touched: TownId[] = [];
  const town: typeof edge.town = (id) => {
    touched.push(id);
    if (poisoned.includes(id)) throw new Error('it does not answer');
    return edge.town(id);
  };
  return { report: await watchTowns({ ...edge, town }), touched };
}

/** Towns that only the directory knows, with nothing to do. */
async function fillDirectory(count: number): Promise<void> {
  const ids = Array.from({ length: count }, () => makeId('town', randomBytes(20)));
  await env.DIRECTORY.prepare(
    `INSERT INTO towns (id, name, owner, created_at_ms, next_due_at_ms)
     SELECT value, 'filler', 'nobody', 1, NULL FROM json_each(?)`,
  )
    .bind(JSON.stringify(ids))
    .run();
}

/** An agent in a long turn, just after a sweep of its town: the next one is almost an hour away, whatever the town's phase. */
async function atWork(): Promise<TestTown> {
  const town = await TestTown.create();
  const { sweepAt, now } = await takeSnapshot(town.stub);
  lab.clock.advance(sweepAt + 1000 - now);
  await town.agent('ada');
  await town.work('ada', 100_000);
  return town;
}

/** The platform loses the alarm, and there is no call: the agents' network is away too, which any of their calls would heal. */
async function loseAlarm(town: TestTown): Promise<void> {
  town.container().outgoing = () => Promise.reject(new TypeError('no network'));
  await runInDurableObject(town.stub, (_, { storage }) => storage.deleteAlarm());
}

describe('what a town says of itself', () => {
  it('is when its next sweep is due while an agent works, and nothing when it is idle', async () => {
    const town = await TestTown.create();
    await untilSaid(town, null);
    await town.agent('ada');
    const { id } = await town.work('ada', 3000);
    const sweep = await dueOf(town);
    await untilSaid(town, sweep);
    await town.elapse(HOUR_MS);
    await untilSaid(town, sweep + HOUR_MS);
    expect(await dueOf(town)).toBe(sweep + HOUR_MS);
    // Far from the next one: that nothing is due is not said where the time that was said comes within minutes.
    await town.elapse(sweep + HOUR_MS + MINUTE_MS - lab.clock.now());
    await untilSaid(town, sweep + 2 * HOUR_MS);
    await town.api('DELETE', '/agents/ada');
    expect((await town.message('ada', id)).state).not.toBe('working');
    await untilSaid(town, null);
  });

  it('is not said again for each message, each heartbeat and each liveness check', async () => {
    const town = await atWork();
    await untilSaid(town, await dueOf(town));
    const plan = vi.spyOn(Directory.prototype, 'plan');
    for (const text of ['one', 'two', 'three']) await town.send('ada', text);
    await town.elapse(MINUTE_MS);
    for (let nth = 0; nth < 5; nth += 1) await town.read('ada');
    expect(plan.mock.calls).toEqual([]);
    plan.mockRestore();
  });

  it('is said once of a burst of messages to an idle agent, however often it becomes idle again', async () => {
    lab.heartbeatMs = 30_000;
    const town = await TestTown.create();
    const { sweepAt, now } = await takeSnapshot(town.stub);
    lab.clock.advance(sweepAt + 1000 - now);
    await town.agent('ada');
    await untilSaid(town, null);
    const plan = vi.spyOn(Directory.prototype, 'plan');
    for (const text of ['one', 'two', 'three', 'four', 'five']) {
      const { id } = await town.send('ada', text);
      await town.until('ada', id, 'done');
      expect((await town.read('ada')).state).toBe('idle');
      await town.elapse(MINUTE_MS);
    }
    expect(plan.mock.calls).toHaveLength(1);
    plan.mockRestore();
    // What is left in the directory brings the watchdog once, which takes it away.
    expect((await watch()).touched).toEqual([]);
    lab.clock.advance(10 * MINUTE_MS);
    expect((await watch()).touched).toEqual([town.id]);
    await untilSaid(town, null);
    expect((await watch()).touched).toEqual([]);
  });

  it('is known to the watchdog while an agent is at work for seconds only, and its alarm is lost', async () => {
    lab.heartbeatMs = 30_000;
    const town = await TestTown.create();
    await town.agent('ada');
    const { id } = await town.send('ada', 'one');
    await town.until('ada', id, 'done');
    await town.work('ada', 100_000);
    await loseAlarm(town);
    // Its next liveness check, the tolerance of what is said later, and what the watchdog takes for overdue.
    lab.clock.advance(90_000 + 5 * MINUTE_MS + 10 * MINUTE_MS);
    expect((await watch()).touched).toEqual([town.id]);
    expect(await town.alarmAt()).toBe(lab.clock.now() + 1);
  });

  it('is said with the next request where the directory could not be written; no caller sees the failure', async () => {
    const town = await TestTown.create();
    await untilSaid(town, null);
    const plan = vi.spyOn(Directory.prototype, 'plan').mockRejectedValue(new Error('D1 is down'));
    await town.agent('ada');
    await town.work('ada', 3000);
    expect(plan).toHaveBeenCalled();
    expect(await saidDue(town)).toBeNull();
    plan.mockRestore();
    expect((await town.read('ada')).state).toBe('working');
    await untilSaid(town, await dueOf(town));
  });
});

describe('the watchdog', () => {
  it('A-02: of 1,000 towns it finds the one whose alarm was lost, touches only that one, and its sweep runs', async () => {
    await fillDirectory(999);
    const town = await atWork();
    const due = await dueOf(town);
    await untilSaid(town, due);
    await loseAlarm(town);
    lab.clock.advance(due - lab.clock.now() + 10 * MINUTE_MS - 1);
    expect(await watch()).toMatchObject({ report: { overdue: 0, woken: 0, failed: 0 }, touched: [] });
    expect(await town.alarmAt()).toBeNull();
    lab.clock.advance(1);
    const { report, touched } = await watch();
    expect(report.looked).toBeGreaterThanOrEqual(1000);
    expect([report.overdue, report.woken, report.failed, touched]).toEqual([1, 1, 0, [town.id]]);
    const before = town.container().requests.length;
    expect(await town.alarmAt()).toBe(lab.clock.now() + 1);
    expect(town.container().requests).toHaveLength(before);
    await town.ring();
    expect((await town.read('ada')).credential).toMatchObject({ reason: 'sweep', last_outcome: 'applied' });
    await untilSaid(town, await dueOf(town));
    expect((await watch()).touched).toEqual([]);
  });

  it('A-02: a town that fails does not keep the others from ringing', async () => {
    const [one, two, three] = [await atWork(), await atWork(), await atWork()];
    for (const town of [one, two, three]) {
      await untilSaid(town, await dueOf(town));
      await loseAlarm(town);
    }
    lab.clock.advance(HOUR_MS + 10 * MINUTE_MS);
    const { report } = await watch([two.id]);
    expect([report.overdue, report.woken, report.failed]).toEqual([3, 2, 1]);
    expect(await Promise.all([one, two, three].map((town) => town.alarmAt()))).toEqual([
      lab.clock.now() + 1,
      null,
      lab.clock.now() + 1,
    ]);
    for (const town of [one, three]) await town.ring();
    expect((await watch()).touched).toEqual([two.id]);
    await two.ring();
  });

  it('finishes a creation that died between the directory and the town', async () => {
    const directory = new Directory(env.DIRECTORY);
    const town = new TestTown(makeId('town', randomBytes(20)));
    await directory.create({ id: town.id, name: 'half', owner: 'dev', createdAtMs: lab.clock.now() });
    expect((await town.api('GET', '')).status).toBe(404);
    lab.clock.advance(10 * MINUTE_MS);
    expect((await watch()).touched).toEqual([town.id]);
    expect(await town.api('GET', '')).toMatchObject({ status: 200, body: { id: town.id, name: 'half', agents: 0 } });
    await untilSaid(town, null);
    expect((await watch()).touched).toEqual([]);
  });

  it('sets right what the directory has wrong of a town that has nothing to do', async () => {
    const town = await TestTown.create();
    await untilSaid(town, null);
    await new Directory(env.DIRECTORY).plan(town.id, 1);
    expect((await watch()).touched).toEqual([town.id]);
    await untilSaid(town, null);
    expect(await town.alarmAt()).toBeNull();
  });

  it('passes nothing of itself to the platform: no route answers for it', async () => {
    const headers = { authorization: `Bearer ${DEV_TOKEN}` };
    for (const path of ['/watch', '/v1/watch', '/__scheduled']) {
      expect((await SELF.fetch(`${PUBLIC_URL}${path}`, { headers })).status, path).toBe(404);
    }
  });
});

describe('a town that was deleted while the watchdog was under way', () => {
  const said = { name: 'gone', owner: 'dev', nextDueAtMs: 1 };

  it('does not come into being again: not by the wake, and not by a creation that was overtaken', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    expect((await town.api('DELETE', '')).status).toBe(200);
    const { config } = await deployment();
    const stub = edgeOf(env, config).town(town.id);
    await stub.watch(said);
    expect(await tablesOf('town', town.stub)).toEqual({});
    await stub.create(said);
    expect(await tablesOf('town', town.stub)).toEqual({});
  });

  it('stays one that is being deleted', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    town.container().before = () => ({ status: 500, headers: {}, body: '' });
    expect((await town.api('DELETE', '')).status).toBe(202);
    const { config } = await deployment();
    await edgeOf(env, config).town(town.id).watch(said);
    expect((await town.api('GET', '')).status).toBe(404);
    town.container().before = () => null;
    expect((await town.api('DELETE', '')).status).toBe(200);
    expect(await tablesOf('town', town.stub)).toEqual({});
  });
});
