import { describe, expect, it } from 'vitest';
import { inside } from '../support/inside.ts';
import { lab } from '../support/lab.ts';
import { giveAPast } from '../support/past.ts';
import { costOf, type Cost } from '../support/statements.ts';
import { lastTokenOf } from '../support/tokens.ts';
import { TestTown, api } from '../support/town.ts';
import type { TownView } from '../../../src/protocol/index.ts';

const HOUR_MS = 3_600_000;
/** Rows that one statement of these acts reads at most: what is open in this town, and never its past. */
const MOST_READ = 20;

/** Rows, and entries of indexes, that each act writes at most; docs/storage.md says what they come to. */
const MOST_WRITTEN = {
  delivery: 28,
  'next delivery': 25,
  heartbeat: 1,
  'heartbeat within a minute': 0,
  sweep: 10,
  retirement: 66,
};

/** What each act costs in a town with such a past. The test itself asks the town meanwhile, which only reads. */
async function costs(past: number): Promise<Record<string, Cost>> {
  const town = await TestTown.create();
  await town.agent('ada');
  const bob = await town.agent('bob');
  await giveAPast(town, past);
  const deliver = () =>
    costOf(async () => {
      const { id } = await town.send('ada', 'hello');
      await town.until('ada', id, 'done');
    });
  const delivery = await deliver();
  await town.settled();
  const next = await deliver();
  await town.work('bob', 20_000);
  const calls = (): number => lab.agentCalls.filter(({ path }) => path.endsWith('/heartbeat')).length;
  const heartbeat = await costOf(async () => {
    const before = calls();
    lab.clock.advance(HOUR_MS / 4);
    await expect.poll(calls).toBeGreaterThan(before);
  });
  const beat = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };
  const again = await costOf(async () => {
    const { status } = await api('POST', '/v1/agent/heartbeat', beat, lastTokenOf(bob));
    expect(status).toBe(200);
  });
  const sweep = await costOf(() => town.elapse(HOUR_MS));
  const retirement = await costOf(() => town.api('DELETE', '/agents/ada'));
  return { delivery, 'next delivery': next, heartbeat, 'heartbeat within a minute': again, sweep, retirement };
}

/** A sweep that refreshes so many agents of one container, in one request, and nothing else. */
async function sweepOf(count: number): Promise<Cost> {
  lab.agentsPerContainer = count;
  const town = await TestTown.create();
  const names = Array.from({ length: count }, (_, nth) => `agent-${nth}`);
  await Promise.all(names.map((name) => town.agent(name)));
  await Promise.all(names.map((name) => town.work(name, 20_000)));
  const { next_sweep_at } = (await town.api<TownView>('GET', '')).body;
  await town.elapse(Date.parse(next_sweep_at ?? '') + HOUR_MS - lab.clock.now() - 1000);
  // What the agents themselves say is not the sweep's.
  town.container().outgoing = () => Promise.reject(new TypeError('the connection was reset'));
  await town.settled();
  return costOf(() => town.elapse(2000));
}

describe('what an act costs a town', () => {
  it.each([10, 10_000])('is bound by what is open, with %i agents retired and as many messages over', async (past) => {
    const each = await costs(past);
    for (const [act, { dearest }] of Object.entries(each)) {
      expect({ act, dearest: dearest.read <= MOST_READ ? null : dearest }).toEqual({ act, dearest: null });
    }
    // The rows that each act writes are for the reader of the run.
    // oxlint-disable-next-line no-console
    console.log(`past ${past}:`, Object.fromEntries(Object.entries(each).map(([act, { written }]) => [act, written])));
    for (const [act, most] of Object.entries(MOST_WRITTEN)) expect(each[act]?.written, act).toBeLessThanOrEqual(most);
  });

  it('is bound for each event, with which old ones may go: of those that are kept no more than the oldest 128 are read', async () => {
    const town = await TestTown.create();
    const { dearest } = await costOf(() =>
      inside(town, ({ events, clock }) => {
        const data = { due: 0, ok: 0, failed: 0, skipped: 0 };
        for (let nth = 0; nth < 500; nth += 1) events.append('reeve.sweep.finished', town.id, data, clock.now());
      }),
    );
    expect(dearest.read, dearest.query).toBeLessThanOrEqual(130);
  });

  it('is, for a sweep of a container, two rows for each agent and five for all: 205 for 100 agents', async () => {
    const { written } = await sweepOf(16);
    expect(written).toBeLessThanOrEqual(2 * 16 + 5);
  });
});
