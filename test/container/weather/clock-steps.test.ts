/** the town's own clock is stepped, back or ahead, while the container goes on. */
import type { AgentId } from '#protocol';
import { describe, expect, it } from 'vitest';
import { TestControlServer, message, type HeldSession } from '../support/control-server.ts';
import { sessionId } from '../../support/ids.ts';
import { signPush } from '../support/push.ts';

const MINUTE = 60_000;
/** A step that no tolerance covers: 10 min. */
const STEP_MS = 10 * MINUTE;

async function statusOf(control: TestControlServer, session: HeldSession): Promise<number> {
  return (await control.push(session, 'GET', '/agents')).status;
}

/** A control server whose agent is in a long turn, with its first heartbeat behind it. */
async function atWork(): Promise<{ control: TestControlServer; session: HeldSession; agent: AgentId }> {
  const { control, session, agent, issued } = await TestControlServer.withAgent();
  await control.deliver(session, issued, message(1, 'work 3600'));
  await control.clock.advance(1_000);
  return { control, session, agent };
}

describe('the town’s clock is set back by 10 min', () => {
  it('A-27: an agent at work pulls within a heartbeat, and from then on pushes are accepted in the same session', async () => {
    const { control, session, agent } = await atWork();
    control.town.clockStepMs = -STEP_MS;
    expect(await statusOf(control, session)).toBe(401);
    await control.clock.advance(30_000);
    expect(control.town.count('/token')).toBe(1);
    expect(await control.refresh(session, control.town.mint(agent))).toMatchObject({
      status: 200,
      body: { outcome: 'applied' },
    });
    const beats = control.town.beats.length;
    await control.clock.advance(60_000);
    expect(control.town.beats.length).toBe(beats + 2);
    expect((await control.running(session))[0]?.messages).toMatchObject([{ state: 'working' }]);
  });

  it('A-27: a pulled token that lives shorter than the step is taken: it is judged by the time that came with it', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    await control.deliver(session, issued, message(1, 'work 3600'));
    await control.clock.advance(1_000);
    control.town.clockStepMs = -STEP_MS;
    control.town.ttlSeconds = 300;
    await control.clock.advance(30_000);
    expect(control.town.count('/token')).toBe(1);
    await control.clock.advance(60_000);
    expect(control.town.count('/token')).toBe(1);
    expect(await control.running(session)).toMatchObject([{ agent, gen: 2 }]);
  });

  it('S-23: what was pushed before the step, and is young again by the clock, is refused as before', async () => {
    const { control, session, agent } = await atWork();
    const recorded: { order: ReturnType<TestControlServer['order']>; token: string }[] = [];
    for (let round = 0; round < 8; round += 1) {
      const order = control.order(session, 'POST', `/agents/${agent}/refresh-token`, {
        grant: control.town.mint(agent),
      });
      const token = await signPush(control.key, order);
      expect((await control.send(order, token)).status).toBe(200);
      recorded.push({ order, token });
      await control.clock.advance(MINUTE);
    }
    control.town.clockStepMs = -STEP_MS;
    await control.clock.advance(30_000);
    expect(await statusOf(control, session)).toBe(200);
    for (let minute = 0; minute < 12; minute += 1) {
      for (const { order, token } of recorded) expect((await control.send(order, token)).status).toBe(401);
      await control.clock.advance(MINUTE);
      expect(await statusOf(control, session)).toBe(200);
    }
  });

  it('A-26: a session is opened all the same, by its epoch; the recorded opening of the one before opens nothing', async () => {
    const { control, session } = await atWork();
    const body = { version: 1, container: session.container, session: sessionId(2), epoch: 2, secret: 's'.repeat(43) };
    const opening = control.order(session, 'PUT', '/session', { ...body, heartbeat_seconds: 30 });
    const first = { ...opening, audience: control.server.boot };
    const token = await signPush(control.key, first);
    expect((await control.send(first, token)).status).toBe(200);
    control.town.clockStepMs = -STEP_MS;
    const renewed = { ...session, id: sessionId(3), epoch: 3 };
    expect((await control.opened(renewed)).status).toBe(200);
    expect(await statusOf(control, renewed)).toBe(200);
    expect((await control.send(first, token)).status).toBe(401);
    const again = await signPush(control.key, first);
    expect((await control.send(first, again)).status).toBe(409);
    expect(await statusOf(control, renewed)).toBe(200);
  });
});

describe('the town’s clock is set ahead by an hour, and back again', () => {
  it('A-27: with each step a pull brings the clock to the town’s, and no recorded push is accepted at any time', async () => {
    const { control, session } = await atWork();
    const order = control.order(session, 'GET', '/agents');
    const recorded = [await signPush(control.key, order)];
    expect((await control.send(order, recorded[0] ?? '')).status).toBe(200);
    for (const stepMs of [60 * MINUTE, 0, 60 * MINUTE, -STEP_MS, 0]) {
      control.town.clockStepMs = stepMs;
      // What the agent holds is expired, or issued later than now: its next heartbeat is refused, and it pulls.
      control.town.lagging = true;
      await control.clock.advance(31_000);
      control.town.lagging = false;
      const now = { ...order, nowMs: control.town.nowMs() };
      recorded.push(await signPush(control.key, now));
      expect([stepMs, (await control.send(now, recorded.at(-1) ?? '')).status]).toEqual([stepMs, 200]);
      for (const token of recorded) expect((await control.send(order, token)).status).toBe(401);
    }
  });
});
