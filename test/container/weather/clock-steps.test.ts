/** the town's own clock is stepped, back or ahead, while the container goes on. */
import type { AgentId } from '#protocol';
import { describe, expect, it } from 'vitest';
import { Box, message, type HeldSession } from '../support/box.ts';
import { sessionId } from '../../support/ids.ts';
import { signPush } from '../support/push.ts';

const MINUTE = 60_000;
/** A step that no tolerance covers: 10 min. */
const STEP_MS = 10 * MINUTE;

async function statusOf(box: Box, session: HeldSession): Promise<number> {
  return (await box.push(session, 'GET', '/agents')).status;
}

/** A box whose agent is in a long turn, with its first heartbeat behind it. */
async function atWork(): Promise<{ box: Box; session: HeldSession; agent: AgentId }> {
  const { box, session, agent, grant } = await Box.withAgent();
  await box.deliver(session, grant, message(1, 'work 3600'));
  await box.clock.advance(1_000);
  return { box, session, agent };
}

describe('the town’s clock is set back by 10 min', () => {
  it('A-27: an agent at work pulls within a heartbeat, and from then on pushes are accepted in the same session', async () => {
    const { box, session, agent } = await atWork();
    box.town.clockStepMs = -STEP_MS;
    expect(await statusOf(box, session)).toBe(401);
    await box.clock.advance(30_000);
    expect(box.town.count('/token')).toBe(1);
    expect(await box.refresh(session, box.town.mint(agent))).toMatchObject({
      status: 200,
      body: { outcome: 'applied' },
    });
    const beats = box.town.beats.length;
    await box.clock.advance(60_000);
    expect(box.town.beats.length).toBe(beats + 2);
    expect((await box.running(session))[0]?.messages).toMatchObject([{ state: 'working' }]);
  });

  it('A-27: a pulled token that lives shorter than the step is taken: it is judged by the time that came with it', async () => {
    const { box, session, agent, grant } = await Box.withAgent();
    await box.deliver(session, grant, message(1, 'work 3600'));
    await box.clock.advance(1_000);
    box.town.clockStepMs = -STEP_MS;
    box.town.ttlSeconds = 300;
    await box.clock.advance(30_000);
    expect(box.town.count('/token')).toBe(1);
    await box.clock.advance(60_000);
    expect(box.town.count('/token')).toBe(1);
    expect(await box.running(session)).toMatchObject([{ agent, gen: 2 }]);
  });

  it('S-23: what was pushed before the step, and is young again by the clock, is refused as before', async () => {
    const { box, session, agent } = await atWork();
    const recorded: { order: ReturnType<Box['order']>; token: string }[] = [];
    for (let round = 0; round < 8; round += 1) {
      const order = box.order(session, 'POST', `/agents/${agent}/refresh-token`, { grant: box.town.mint(agent) });
      const token = await signPush(box.key, order);
      expect((await box.send(order, token)).status).toBe(200);
      recorded.push({ order, token });
      await box.clock.advance(MINUTE);
    }
    box.town.clockStepMs = -STEP_MS;
    await box.clock.advance(30_000);
    expect(await statusOf(box, session)).toBe(200);
    for (let minute = 0; minute < 12; minute += 1) {
      for (const { order, token } of recorded) expect((await box.send(order, token)).status).toBe(401);
      await box.clock.advance(MINUTE);
      expect(await statusOf(box, session)).toBe(200);
    }
  });

  it('A-26: a session is opened all the same, by its epoch; the recorded opening of the one before opens nothing', async () => {
    const { box, session } = await atWork();
    const body = { version: 1, container: session.container, session: sessionId(2), epoch: 2, secret: 's'.repeat(43) };
    const opening = box.order(session, 'PUT', '/session', { ...body, heartbeat_seconds: 30 });
    const first = { ...opening, audience: box.server.boot };
    const token = await signPush(box.key, first);
    expect((await box.send(first, token)).status).toBe(200);
    box.town.clockStepMs = -STEP_MS;
    const renewed = { ...session, id: sessionId(3), epoch: 3 };
    expect((await box.opened(renewed)).status).toBe(200);
    expect(await statusOf(box, renewed)).toBe(200);
    expect((await box.send(first, token)).status).toBe(401);
    const again = await signPush(box.key, first);
    expect((await box.send(first, again)).status).toBe(409);
    expect(await statusOf(box, renewed)).toBe(200);
  });
});

describe('the town’s clock is set ahead by an hour, and back again', () => {
  it('A-27: with each step a pull brings the clock to the town’s, and no recorded push is accepted at any time', async () => {
    const { box, session } = await atWork();
    const order = box.order(session, 'GET', '/agents');
    const recorded = [await signPush(box.key, order)];
    expect((await box.send(order, recorded[0] ?? '')).status).toBe(200);
    for (const stepMs of [60 * MINUTE, 0, 60 * MINUTE, -STEP_MS, 0]) {
      box.town.clockStepMs = stepMs;
      // What the agent holds is expired, or issued later than now: its next heartbeat is refused, and it pulls.
      box.town.lagging = true;
      await box.clock.advance(31_000);
      box.town.lagging = false;
      const now = { ...order, nowMs: box.town.nowMs() };
      recorded.push(await signPush(box.key, now));
      expect([stepMs, (await box.send(now, recorded.at(-1) ?? '')).status]).toEqual([stepMs, 200]);
      for (const token of recorded) expect((await box.send(order, token)).status).toBe(401);
    }
  });
});
