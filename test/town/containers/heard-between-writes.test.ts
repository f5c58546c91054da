/** What is heard of an agent is written once a minute: what people see, who counts as silent, and what an eviction in between leaves. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { beforeEach, describe, expect, it } from 'vitest';
import { lab } from '../support/lab.ts';
import { MINUTE, eventsOf, silence } from '../support/passing.ts';
import { costOf } from '../support/statements.ts';
import { lastTokenOf } from '../support/tokens.ts';
import { TestTown, api } from '../support/town.ts';

beforeEach(() => void (lab.heartbeatMs = 30_000));

const SECOND = 1000;
const at = (ms: number): string => new Date(ms).toISOString();

/** An agent at work, whose heartbeats the test writes. Its last sign, at `from`, is written, and the next look is 90 s after it. */
async function atWork() {
  const town = await TestTown.create();
  const ada = await town.agent('ada');
  await town.work('ada', 3600);
  silence(ada.id);
  const token = lastTokenOf(ada);
  const beat = async (progressAtMs = lab.clock.now()): Promise<void> => {
    const said = {
      turn: null,
      current_task: null,
      error_rate: 0,
      uptime_seconds: 1,
      last_progress_at: at(progressAtMs),
    };
    const { status } = await api('POST', '/v1/agent/heartbeat', said, token);
    expect(status).toBe(200);
  };
  lab.clock.advance(100 * SECOND);
  await beat();
  const from = lab.clock.now();
  const row = (): Promise<{ last_heard_at_ms: number }> =>
    runInDurableObject(town.stub, (_, { storage: { sql } }) =>
      sql.exec<{ last_heard_at_ms: number }>('SELECT last_heard_at_ms FROM agents').one(),
    );
  /** The town looks, so long after `from`, at whatever is due. */
  const lookAfter = async (ms: number): Promise<void> => {
    lab.clock.advance(from + ms - lab.clock.now());
    await runDurableObjectAlarm(town.stub);
  };
  return { town, from, beat, row, lookAfter };
}
const stateOf = async (town: TestTown): Promise<string> => (await town.read('ada')).state;
const stalls = (town: TestTown) => eventsOf(town, 'reeve.agent.stalled');

describe('a heartbeat', () => {
  it('writes nothing within a minute of the one that was written, and people see it all the same', async () => {
    const { town, from, beat, row } = await atWork();
    for (const after of [30 * SECOND, 59 * SECOND]) {
      lab.clock.advance(from + after - lab.clock.now());
      expect((await costOf(() => beat())).written).toBe(0);
      expect((await town.read('ada')).last_heard_at).toBe(at(from + after));
      expect((await row()).last_heard_at_ms).toBe(from);
    }
    lab.clock.advance(SECOND);
    expect((await costOf(() => beat())).written).toBe(1);
    expect((await row()).last_heard_at_ms).toBe(from + MINUTE);
  });

  it('asks the database nothing, where it is not the first that its town gets', async () => {
    const { beat } = await atWork();
    await beat();
    expect((await costOf(() => beat())).queries).toEqual([]);
  });

  it('after the clock was set back is written at once', async () => {
    const { from, beat, row } = await atWork();
    lab.clock.stepTowns(-10 * SECOND);
    await beat(from);
    expect((await row()).last_heard_at_ms).toBe(from - 10 * SECOND);
  });
});

describe('what was heard and is not written', () => {
  it('counts while the object is in memory: silence is three heartbeats after the last of them, and not one after what is written', async () => {
    const { town, beat, lookAfter } = await atWork();
    lab.clock.advance(59 * SECOND);
    await beat();
    await lookAfter(148 * SECOND);
    expect(await stateOf(town)).toBe('working');
    await lookAfter(149 * SECOND);
    expect(await stateOf(town)).toBe('stalled');
  });

  it('makes no agent silent where the object is evicted right before it looks', async () => {
    const { town, from, beat, row, lookAfter } = await atWork();
    lab.clock.advance(59 * SECOND);
    await beat();
    lab.clock.advance(31 * SECOND - 1);
    await evictDurableObject(town.stub);
    expect((await row()).last_heard_at_ms).toBe(from);
    await lookAfter(90 * SECOND);
    await lookAfter(148 * SECOND);
    expect([await stateOf(town), await stalls(town)]).toEqual(['working', []]);
  });

  it('hides a silence through an eviction for a minute at most, and for no longer than three heartbeats after the object is back', async () => {
    const { town, lookAfter } = await atWork();
    await evictDurableObject(town.stub);
    await lookAfter(90 * SECOND);
    // Evicted again before each look: what hides the silence does not grow with that.
    await evictDurableObject(town.stub);
    await lookAfter(149 * SECOND);
    expect(await stateOf(town)).toBe('working');
    await evictDurableObject(town.stub);
    await lookAfter(150 * SECOND);
    expect([await stateOf(town), await stalls(town)]).toEqual(['stalled', [{ incarnation: 1, why: 'silent' }]]);
  });

  it('leaves the time of the object before it came up: one that was back early waits three heartbeats from there', async () => {
    const { town, lookAfter } = await atWork();
    lab.clock.advance(10 * SECOND);
    await evictDurableObject(town.stub);
    await town.read('ada');
    await lookAfter(99 * SECOND);
    expect(await stateOf(town)).toBe('working');
    await lookAfter(100 * SECOND);
    expect(await stateOf(town)).toBe('stalled');
  });

  it('brings no silent agent back where the object is evicted', async () => {
    const { town, beat, lookAfter } = await atWork();
    lab.clock.advance(30 * SECOND);
    await beat();
    await lookAfter(120 * SECOND);
    expect(await stateOf(town)).toBe('stalled');
    await evictDurableObject(town.stub);
    await lookAfter(125 * SECOND);
    await runDurableObjectAlarm(town.stub);
    expect([await stateOf(town), await eventsOf(town, 'reeve.agent.recovered')]).toEqual(['stalled', []]);
  });

  it('gives no agent up early: ten minutes count from the last moment at which it may have been heard', async () => {
    const { town, beat, lookAfter } = await atWork();
    lab.clock.advance(59 * SECOND);
    await beat();
    await evictDurableObject(town.stub);
    const gone = (): Promise<unknown[]> => eventsOf(town, 'reeve.agent.gone');
    for (let second = 60; second < 11 * 60; second += 15) await lookAfter(second * SECOND);
    expect([await stateOf(town), await gone()]).toEqual(['stalled', []]);
    for (let second = 660; second < 720; second += 15) await lookAfter(second * SECOND);
    await expect.poll(gone).toMatchObject([{ incarnation: 1, why: 'stopped_silent' }]);
  });

  it('is no end of a stall without output, nor the beginning of one, where the object is evicted', async () => {
    const { town, from, beat, lookAfter } = await atWork();
    lab.clock.advance(30 * SECOND);
    await beat();
    const progressAt = lab.clock.now();
    for (let minute = 1; minute < 15; minute += 1) {
      await lookAfter(minute * MINUTE);
      await beat(progressAt);
      await evictDurableObject(town.stub);
    }
    // By what is written of it its fifteen minutes are over; they are not.
    await lookAfter(15 * MINUTE + 15 * SECOND);
    expect(await stateOf(town)).toBe('working');
    await lookAfter(progressAt + 15 * MINUTE - from);
    await beat(progressAt);
    expect(await stalls(town)).toEqual([{ incarnation: 1, why: 'no_output' }]);
    await evictDurableObject(town.stub);
    await lookAfter(16 * MINUTE + 50 * SECOND);
    expect([await stateOf(town), await eventsOf(town, 'reeve.agent.recovered')]).toEqual(['stalled', []]);
  });
});
