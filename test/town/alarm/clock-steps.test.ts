/** The town's own clock is stepped while its containers go on: what it signs is refused there, until both sides agree again. */
import { SELF, env, evictDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { CONTROL_PROBLEMS, pullSchema, type TownHealth } from '../../../src/protocol/index.ts';
import { lab, type LabAnswer, type LabRequest } from '../support/lab.ts';
import { TestTown } from '../support/town.ts';
import { PUBLIC_URL } from '../support/wiring.ts';

const STEP_MS = 600_000;
const MINUTE_MS = 60_000;

const handshakes = (town: TestTown) => town.container().requests.filter(({ path }) => path === '/session').length;
const pulls = (since: number) => lab.agentCalls.slice(since).filter(({ path }) => path.endsWith('/token')).length;

async function reasons(town: TestTown): Promise<TownHealth['reasons']> {
  return (await town.api<TownHealth>('GET', '/health')).body.reasons;
}

/** What a container answers that refuses a push, for all but `/health` and what `passes`. */
function refusing(passes: (request: LabRequest) => boolean = () => false) {
  return (request: LabRequest): LabAnswer | null => {
    if (request.path === '/health' || passes(request)) return null;
    const problem = { type: 'about:blank', ...CONTROL_PROBLEMS.unauthorized, code: 'unauthorized' };
    return { status: 401, headers: {}, body: JSON.stringify(problem) };
  };
}

/** Half a minute, in which alarms ring and agents beat their hearts; the real turns let the calls come through. */
async function halfMinute(town: TestTown): Promise<void> {
  await town.elapse(MINUTE_MS / 2);
  for (let turns = 0; turns < 20; turns += 1) await lab.turn();
}

describe('a clock that is set back by 10 min', () => {
  it('A-27: a message to an idle agent is delivered within 2 min, in a session that was renewed after three refusals', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.until('ada', (await town.send('ada', 'before')).id, 'done');
    await halfMinute(town);
    lab.clock.stepTowns(-STEP_MS);
    const { id } = await town.send('ada', 'after');
    await expect.poll(async () => (await reasons(town)).map(({ code }) => code)).toContain('clock_disagrees');
    const since = (await reasons(town)).find(({ code }) => code === 'clock_disagrees')?.since;
    expect(Math.abs(Date.parse(since ?? '') - lab.clock.now())).toBeLessThan(5_000);
    for (let halves = 0; halves < 4; halves += 1) await halfMinute(town);
    await town.until('ada', id, 'done');
    expect(handshakes(town)).toBe(2);
    expect(await reasons(town)).toEqual([]);
  });

  it('A-27: an agent at work pulls once, and goes on in its turn, its session and its incarnation', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const { id: long } = await town.work('ada');
    const since = lab.agentCalls.length;
    lab.clock.stepTowns(-STEP_MS);
    await halfMinute(town);
    await expect.poll(() => pulls(since)).toBe(1);
    await halfMinute(town);
    const { id } = await town.send('ada', 'more');
    await expect.poll(async () => (await town.message('ada', id)).state).toBe('delivered');
    expect(await town.message('ada', long)).toMatchObject({ state: 'working', attempts: 1 });
    expect(await town.read('ada')).toMatchObject({ incarnation: 1, state: 'working' });
    expect([handshakes(town), pulls(since)]).toEqual([1, 1]);
    expect(await reasons(town)).toEqual([]);
  });

  it('A-27: the refusals are counted over evictions', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    lab.clock.stepTowns(-STEP_MS);
    const outcomes: unknown[] = [];
    for (let tries = 0; tries < 3; tries += 1) {
      await evictDurableObject(env.AGENT_CONTAINER.getByName(town.containerName()));
      const { body } = await town.api<{ results: { outcome: string }[] }>('POST', '/agents/ada/refresh', {});
      outcomes.push(body.results[0]?.outcome);
    }
    expect(outcomes).toEqual(['unauthorized', 'unauthorized', 'session_changed']);
    expect(handshakes(town)).toBe(2);
  });

  it('A-27: a step ahead by an hour, and back again, each ends in accepted pushes', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    for (const stepMs of [3_600_000, 0, 3_600_000, -STEP_MS]) {
      lab.clock.stepTowns(stepMs);
      const { id } = await town.send('ada', `at ${stepMs}`);
      for (let halves = 0; halves < 6; halves += 1) await halfMinute(town);
      await town.until('ada', id, 'done');
    }
  });

  it('a town that was restored before the step says that it has to be restored again', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    expect((await town.api('POST', '/restored', {})).status).toBe(200);
    expect(await reasons(town)).toEqual([]);
    lab.clock.stepTowns(-STEP_MS);
    expect((await reasons(town)).map(({ code, status }) => `${code} ${status}`)).toContain('clock_disagrees red');
    expect((await town.api('POST', '/restored', {})).status).toBe(200);
    expect((await reasons(town)).map(({ code, status }) => `${code} ${status}`)).not.toContain('clock_disagrees red');
  });
});

describe('a control server that refuses every push', () => {
  it('is named in health, keeps the session that its agents pull in, and is asked for a new one ever more rarely', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.work('ada');
    const opening = town.container().requests.find(({ path }) => path === '/session');
    const { session, secret } = JSON.parse(opening?.body ?? '{}') as { session: string; secret: string };
    town.container().before = refusing();
    await town.send('ada', 'waits');
    for (let halves = 0; halves < 60; halves += 1) await halfMinute(town);
    // Half an hour: after a minute, then after 1, 2, 4, 8 and 16 more, and the first.
    expect(handshakes(town) - 1).toBeGreaterThan(2);
    expect(handshakes(town) - 1).toBeLessThanOrEqual(6);
    const found = await reasons(town);
    expect(found.map(({ code }) => code)).toContain('session_refused');
    expect(JSON.stringify(found)).not.toContain('unknown');
    const pulled = await SELF.fetch(`${PUBLIC_URL}/v1/container/${town.containerName()}/agents/${ada.id}/token`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify(pullSchema.parse({ session, inc: 1, gen: 1 })),
    });
    expect(pulled.status).toBe(200);
    town.container().before = () => null;
    for (let halves = 0; halves < 12; halves += 1) await halfMinute(town);
    expect(await town.read('ada')).toMatchObject({ incarnation: 1 });
    expect(await reasons(town)).toEqual([]);
  });

  it('a 401 of something in between is no refusal of the session, and renews nothing', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    town.container().before = ({ path }) =>
      path === '/health' ? null : { status: 401, headers: {}, body: '<html>sign in</html>' };
    for (let tries = 0; tries < 6; tries += 1) await town.api('POST', '/agents/ada/refresh', {});
    expect(handshakes(town)).toBe(1);
    expect((await reasons(town)).map(({ code }) => code)).not.toContain('session_refused');
  });
});
