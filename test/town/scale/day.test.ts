/**
 * What a day of a town costs, counted. `REEVE_SCALE=full` asks for an hour at work of a town of ten agents; with `--update`
 * it writes docs/scale/day.json, from which docs/scale.md reckons. In the suite a few minutes of a small town are held to that file.
 */
import { env, runDurableObjectAlarm } from 'cloudflare:test';
import { expect, it, vi } from 'vitest';
import counted from '../../../docs/scale/day.json' with { type: 'json' };
import { Directory } from '../../../src/directory/directory-store.ts';
import { FiguresStore } from '../../../src/directory/figures-store.ts';
import { lab } from '../support/lab.ts';
import { MINUTE, pass } from '../support/passing.ts';
import { costOf } from '../support/statements.ts';
import { TestTown } from '../support/town.ts';

const IS_FULL = env.SCALE === 'full';
/** Before an hour is counted (minutes): starts, and first heartbeats, are not of every hour. */
const WARM_UP_MINUTES = 2;
const MESSAGES = 10;
/** After its last turn a town that rests says so in its figures within five minutes, and looks at its containers no more. */
const CALM_AFTER_MINUTES = 15;
/** Of the suite, in which the count is held to within so much of that of the file: a sweep and a minute's grace fall in or out. */
const SHORT_MINUTES = 5;
const TOLERANCE = 1.25;
/** What a town does once for all its agents. */
const SLACK = 10;

/** Events of one stretch of time, by what they are billed as. */
type Counts = Record<
  | 'worker_requests'
  | 'container_requests'
  | 'alarms'
  | 'alarms_set'
  | 'rows_read'
  | 'rows_written'
  | 'directory_writes',
  number
>;

/** Of eight agents each. */
const MOST_CONTAINERS = 63;

async function townOf(count: number): Promise<{ town: TestTown; names: readonly string[] }> {
  lab.heartbeatMs = 30_000;
  lab.agentsPerContainer = 8;
  const town = await TestTown.create();
  const names = Array.from({ length: count }, (_, nth) => `agent-${nth}`);
  await Promise.all(names.map((name) => town.agent(name)));
  return { town, names };
}

/**
 * Counts what is done while `act` runs, minute by minute: what SQLite knows of a statement is kept no longer.
 * @param minutes how often `act` is run
 */
async function count(town: TestTown, minutes: number, act: (alarm: () => void) => Promise<unknown>): Promise<Counts> {
  const asked = (): number => {
    const containers = Array.from({ length: MOST_CONTAINERS }, (_, index) => town.container(index));
    return containers.reduce((sum, { requests }) => sum + requests.length, 0);
  };
  const plan = vi.spyOn(Directory.prototype, 'plan');
  const publish = vi.spyOn(FiguresStore.prototype, 'publish');
  const before = { calls: lab.agentCalls.length, asked: asked() };
  const counts = { alarms: 0, alarms_set: 0, rows_read: 0, rows_written: 0 };
  for (let minute = 0; minute < minutes; minute += 1) {
    const cost = await costOf(() => act(() => (counts.alarms += 1)));
    counts.alarms_set += cost.alarmsSet;
    counts.rows_read += cost.read;
    counts.rows_written += cost.written;
  }
  const directory_writes = plan.mock.calls.length + publish.mock.calls.length;
  vi.restoreAllMocks();
  const worker_requests = lab.agentCalls.length - before.calls;
  return { worker_requests, container_requests: asked() - before.asked, ...counts, directory_writes };
}

/** Lets so many minutes pass. */
const countMinutes = (town: TestTown, minutes: number): Promise<Counts> =>
  count(town, minutes, (alarm) =>
    pass(town, MINUTE, async () => {
      alarm();
      await runDurableObjectAlarm(town.stub);
    }),
  );

/** Every agent is at work: its turn takes longer than is counted, and it shows something at each step of the clock, of 15 s. */
async function work(town: TestTown, names: readonly string[]): Promise<void> {
  await Promise.all(names.map((name) => town.send(name, 'work 3600')));
  await countMinutes(town, WARM_UP_MINUTES);
}

async function rest(town: TestTown, names: readonly string[]): Promise<void> {
  await Promise.all(names.map((name) => town.api('POST', `/agents/${name}/interrupt`)));
}

/** One message to an agent that is idle, from its acceptance to its answer: the mean of several, each a while after the other. */
async function countMessage(town: TestTown, name: string): Promise<Counts> {
  const counts = await count(town, MESSAGES, async (alarm) => {
    const { id } = await town.send(name, 'hello');
    await pass(town, MINUTE, async () => {
      alarm();
      await runDurableObjectAlarm(town.stub);
    });
    expect((await town.message(name, id)).state).toBe('done');
  });
  const sent = { ...counts, worker_requests: counts.worker_requests + MESSAGES };
  return Object.fromEntries(Object.entries(sent).map(([what, all]) => [what, all / MESSAGES])) as Counts;
}

it.runIf(IS_FULL)(
  'a day is counted in a message, an hour at work, the hour in which a town comes to rest, and an idle one',
  async () => {
    const { town, names } = await townOf(10);
    const message = await countMessage(town, 'agent-0');
    await work(town, names);
    const working = await countMinutes(town, 60);
    await rest(town, names);
    const calming = await countMinutes(town, 60);
    const idle = await countMinutes(town, 60);
    const counts = { agents: names.length, message, working, calming, idle };
    await expect(`${JSON.stringify(counts, null, 2)}\n`).toMatchFileSnapshot('../../../docs/scale/day.json');
  },
  60 * MINUTE,
);

it('a town at work costs no more than docs/scale.md reckons with, and an idle one nothing', async () => {
  const { town, names } = await townOf(4);
  await work(town, names);
  const now = await countMinutes(town, SHORT_MINUTES);
  const share = (names.length / counted.agents) * (SHORT_MINUTES / 60);
  for (const [what, count] of Object.entries(now)) {
    const most = (new Map(Object.entries(counted.working)).get(what) ?? 0) * share * TOLERANCE + SLACK;
    expect({ what, most, count: count <= most ? 'less' : count }).toEqual({ what, most, count: 'less' });
  }
  await rest(town, names);
  await countMinutes(town, CALM_AFTER_MINUTES);
  const idle = await countMinutes(town, SHORT_MINUTES);
  expect(idle).toEqual({
    worker_requests: 0,
    container_requests: 0,
    alarms: 0,
    alarms_set: 0,
    rows_read: 0,
    rows_written: 0,
    directory_writes: 0,
  });
});
