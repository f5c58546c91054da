import { beforeEach, describe, expect, test } from 'vitest';
import type { RunningAgents } from '#protocol';
import { migrate } from '../../src/lib/migrate.ts';
import { ActivityStore } from '../../src/link/activity-store.ts';
import { IdleStop, START_MS } from '../../src/link/idle-stop.ts';
import { LINK_SCHEMA } from '../../src/link/session-store.ts';
import { agentId, messageId } from '../support/ids.ts';
import { objectStorage } from '../support/sqlite.ts';

const SLEEP_MS = 600_000;
const CHECK_MS = 300_000;
const MINUTE_MS = 60_000;

let nowMs: number;
let alarmMs: number | null;
let running: boolean;
let agents: RunningAgents | null;
let done: unknown[];
let idle: IdleStop;

beforeEach(async () => {
  nowMs = 1_000_000;
  alarmMs = null;
  running = true;
  agents = { agents: [] };
  done = [];
  idle = idleStop(SLEEP_MS);
  await idle.started();
});

function idleStop(sleepAfterMs: number): IdleStop {
  const storage = objectStorage();
  migrate(storage, LINK_SCHEMA);
  return new IdleStop({
    activity: new ActivityStore(storage.sql),
    backend: { running: () => running },
    lifecycle: {
      keep: async (ms) => void done.push(['keep', ms]),
      end: () => void done.push('end'),
      destroy: async () => {
        done.push('destroy');
        running = false;
      },
    },
    clock: { now: () => nowMs },
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    container: 'town:0',
    sleepAfterMs,
    setAlarm: async (atMs) => void (alarmMs = atMs),
    list: async () => agents,
  });
}

/** Turns the clock to the alarm and lets it ring. */
async function ring(): Promise<void> {
  if (alarmMs === null) throw new Error('no alarm is set');
  nowMs = Math.max(nowMs, alarmMs);
  alarmMs = null;
  await idle.onAlarm();
}
const ends = () => done.filter((what) => what === 'end' || what === 'destroy');

/** One agent with a message in a state. */
const holding = (state: 'working' | 'delivered' | 'done'): RunningAgents => ({
  agents: [
    { agent: agentId(1), inc: 1, gen: 1, process_id: 7, messages: [{ message: messageId(1), attempt: 1, state }] },
  ],
});

describe('a container of the platform', () => {
  test('outlives its object from its start on, and is looked after by an alarm', () => {
    expect(done).toEqual([['keep', 2 * CHECK_MS + MINUTE_MS]]);
    expect(alarmMs).toBe(nowMs + CHECK_MS);
  });

  test('ends in order when nothing has used it for the time that is set, not before, and then no alarm is left', async () => {
    await ring();
    expect(ends()).toEqual([]);
    await ring();
    expect(ends()).toEqual(['end']);
    running = false;
    await ring();
    expect([alarmMs, ends()]).toEqual([null, ['end']]);
  });

  test('goes on for as long as it is used', async () => {
    for (let round = 0; round < 6; round += 1) {
      idle.used();
      await ring();
    }
    expect(ends()).toEqual([]);
  });

  test.each(['working', 'delivered'] as const)('K-12: is never ended under a message that is %s', async (state) => {
    agents = holding(state);
    for (let round = 0; round < 20; round += 1) await ring();
    expect(ends()).toEqual([]);
    agents = holding('done');
    await ring();
    await ring();
    expect(ends()).toEqual(['end']);
  });

  test('that does not say who is at work goes on for an hour after its last use, and no longer', async () => {
    agents = null;
    while (nowMs + CHECK_MS < 1_000_000 + 3_600_000) await ring();
    expect(ends()).toEqual([]);
    await ring();
    expect(ends()).toEqual(['end']);
  });

  test('ends the whole time that is set after its last use, however short that is', async () => {
    idle = idleStop(10_000);
    await idle.started();
    nowMs += 5000;
    idle.used();
    await ring();
    expect(ends()).toEqual([]);
    await ring();
    expect(ends()).toEqual(['end']);
  });

  test('that does not end within a minute of being asked to is destroyed then', async () => {
    await ring();
    await ring();
    const askedAtMs = nowMs;
    await ring();
    expect(nowMs - askedAtMs).toBe(MINUTE_MS);
    expect(ends()).toEqual(['end', 'destroy']);
    await ring();
    expect(alarmMs).toBeNull();
  });

  test('in which a turn began just before it was asked to end goes on, and is destroyed where that is not over after a quarter of an hour', async () => {
    await ring();
    await ring();
    const askedAtMs = nowMs;
    agents = holding('working');
    while (nowMs - askedAtMs < 10 * MINUTE_MS) await ring();
    expect(ends()).toEqual(['end']);
    while (nowMs - askedAtMs < 15 * MINUTE_MS) await ring();
    expect(ends()).toEqual(['end', 'destroy']);
  });

  test('that ended by itself needs no alarm any more', async () => {
    running = false;
    await ring();
    expect([alarmMs, ends()]).toEqual([null, []]);
  });

  test('may not listen yet for a while after its start', () => {
    expect(idle.isStarting).toBe(true);
    nowMs += START_MS;
    expect(idle.isStarting).toBe(false);
  });

  test('is destroyed where it runs, and otherwise there is nothing to destroy', async () => {
    await idle.destroy();
    await idle.destroy();
    expect(ends()).toEqual(['destroy']);
  });
});
