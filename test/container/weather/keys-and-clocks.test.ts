/** W-34 and A-27: keys that change, and clocks that are wrong, seen through the whole control server. */
import { describe, expect, it } from 'vitest';
import { TestControlServer, message, type HeldSession } from '../support/control-server.ts';
import { hang, problemAnswer } from '../support/fake-town-api.ts';
import { agentId, sessionId } from '../../support/ids.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { newKey } from '../../../src/tokens/key-edit.ts';
import type { PrivateKey } from '../../../src/tokens/key-set.ts';
import { keySetOf, signPush } from '../support/push.ts';

const JWKS = '/.well-known/jwks.json';
const MINUTE = 60_000;

/** Status of a genuine question that this key signs. */
async function statusWith(control: TestControlServer, session: HeldSession, key: PrivateKey): Promise<number> {
  const order = control.order(session, 'GET', '/agents');
  return (await control.send(order, await signPush(key, order))).status;
}

describe('W-34: two keys', () => {
  it('W-34: in the overlap both verify, for every push, at the cost of one fetch', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    const next = await newKey('active');
    control.town.publicKeys = keySetOf(next, control.key).keys;
    for (let round = 0; round < 10; round += 1) {
      const key = round % 2 === 0 ? next : control.key;
      const order = control.order(session, 'POST', `/agents/${agent}/refresh-token`, {
        grant: control.town.mint(agent),
      });
      expect((await control.send(order, await signPush(key, order))).status).toBe(200);
      expect(await statusWith(control, session, key)).toBe(200);
    }
    expect(control.town.count(JWKS)).toBe(1);
    expect(await control.running(session)).toMatchObject([{ gen: 11 }]);
  });

  it('W-34: the old key verifies as long as it is published, and not 10 min longer', async () => {
    const { control, session } = await TestControlServer.withAgent();
    const next = await newKey('active');
    control.town.publicKeys = keySetOf(next, control.key).keys;
    await control.clock.advance(60 * MINUTE);
    expect([await statusWith(control, session, next), await statusWith(control, session, control.key)]).toEqual([
      200, 200,
    ]);
    control.town.publicKeys = keySetOf(next).keys;
    await control.clock.advance(10 * MINUTE + 1);
    await statusWith(control, session, next);
    await control.clock.advance(1);
    expect([await statusWith(control, session, next), await statusWith(control, session, control.key)]).toEqual([
      200, 401,
    ]);
  });

  it('W-34: an unknown kid costs one fetch in 30 s, however many pushes, kids and sessions come with it', async () => {
    const { control, session } = await TestControlServer.withAgent();
    const neighbour = await control.session(2);
    const unknown = await Promise.all([newKey('active'), newKey('active'), newKey('active')]);
    for (let second = 0; second < 60; second += 1) {
      await Promise.all(unknown.map((key) => statusWith(control, second % 2 === 0 ? session : neighbour, key)));
      await control.clock.advance(1_000);
    }
    expect(control.town.count(JWKS)).toBe(2);
    expect(await statusWith(control, session, control.key)).toBe(200);
  });

  for (const [what, answer] of Object.entries({
    hangs: hang,
    fails: () => problemAnswer('unavailable'),
    'is unreachable': () => Promise.reject(new TypeError('fetch failed')),
    'publishes nothing': () => Response.json({ keys: [] }),
  })) {
    it(`W-34: an unknown kid costs no more where the Worker ${what}, and delays no request whose key is known`, async () => {
      const { control, session } = await TestControlServer.withAgent();
      const unknown = await newKey('active');
      control.town.intercept = ({ path }) => (path === JWKS ? answer() : undefined);
      for (let tries = 0; tries < 5; tries += 1) {
        const refused = statusWith(control, session, unknown);
        expect(await statusWith(control, session, control.key)).toBe(200);
        await control.clock.advance(5_000);
        expect(await refused).toBe(401);
      }
      expect(control.town.count(JWKS)).toBe(1);
      expect(control.clock.pending).toBe(0);
    });
  }

  it('W-34: keys that are old and a kid that is unknown share the one fetch', async () => {
    const { control, session } = await TestControlServer.withAgent();
    const unknown = await newKey('active');
    await control.clock.advance(11 * MINUTE);
    await Promise.all([statusWith(control, session, control.key), statusWith(control, session, unknown)]);
    await Promise.all([statusWith(control, session, unknown), statusWith(control, session, control.key)]);
    expect(control.town.count(JWKS)).toBe(1);
  });
});

describe('A-27: a clock that is off', () => {
  for (const minutes of [10, -10, 60 * 24 * 365]) {
    it(`A-27: by ${minutes} min: pushes are accepted, expired and repeated ones refused, for hours`, async () => {
      const control = await TestControlServer.make();
      control.clock.wallErrorMs = minutes * MINUTE;
      const session = await control.session();
      const issued = control.town.mint(agentId(1));
      expect((await control.start(session, issued)).body.outcome).toBe('started');
      for (let hour = 0; hour < 4; hour += 1) {
        await control.clock.advance(60 * MINUTE);
        const order = control.order(session, 'POST', `/agents/${agentId(1)}/refresh-token`, {
          grant: control.town.mint(agentId(1)),
        });
        const token = await signPush(control.key, order);
        expect((await control.send(order, token)).status).toBe(200);
        expect((await control.send(order, token)).status).toBe(401);
        const late = await signPush(control.key, { ...order, nowMs: order.nowMs - 91_000 });
        expect((await control.send(order, late)).status).toBe(401);
      }
    });
  }

  it('A-27: a clock that is set right, or wrong, in mid-run changes nothing', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    const order = control.order(session, 'GET', '/agents');
    const token = await signPush(control.key, order);
    expect((await control.send(order, token)).status).toBe(200);
    for (const wallErrorMs of [10 * MINUTE, -10 * MINUTE, 0]) {
      control.clock.wallErrorMs = wallErrorMs;
      expect((await control.refresh(session, control.town.mint(agent))).body.outcome).toBe('applied');
      expect((await control.send(order, token)).status).toBe(401);
    }
  });

  it('A-27: tokens are refreshed ahead, and events stamped, by the town’s time', async () => {
    const control = await TestControlServer.make();
    control.clock.wallErrorMs = 10 * MINUTE;
    const session = await control.session();
    const issued = control.town.mint(agentId(1), 1, 600);
    await control.start(session, issued);
    await control.deliver(session, issued, message(1, 'work 540'));
    await control.clock.advance(499_000);
    expect(control.town.count('/token')).toBe(0);
    await control.clock.advance(42_000);
    expect(control.town.count('/token')).toBe(1);
    expect(control.town.refused).toEqual([]);
    const times = control.town.events.map(({ at }) => Date.parse(at) - ManualClock.START_MS);
    expect(times[0]).toBe(0);
    expect(times.at(-1)).toBe(540_000);
  });

  it('A-27: a pulled token counts as expired by the town’s time, not by this machine’s', async () => {
    for (const wallErrorMs of [-60 * MINUTE, 60 * MINUTE]) {
      const control = await TestControlServer.make();
      control.clock.wallErrorMs = wallErrorMs;
      const session = await control.session();
      const issued = control.town.mint(agentId(1), 1, 600);
      await control.start(session, issued);
      await control.clock.advance(599_000);
      const expired = { ...control.town.mint(agentId(1)), expires_at: new Date(control.clock.nowMs()).toISOString() };
      control.town.intercept = ({ path }) => (path.endsWith('/token') ? Response.json(expired) : undefined);
      await control.deliver(session, issued, message(1, 'work 600'));
      await control.clock.advance(20_000);
      expect(await control.running(session)).toMatchObject([{ gen: 1 }]);
      control.town.intercept = () => undefined;
      await control.clock.advance(60_000);
      expect(await control.running(session)).toMatchObject([{ gen: 3 }]);
    }
  });

  it('A-27: a machine that was suspended catches up with the next push, and then refuses what is expired by it', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    // The monotonic clock stood still for an hour, in which the time of day went on, here as in the town.
    control.clock.wallErrorMs += 60 * MINUTE;
    const townNowMs = control.clock.nowMs() + 60 * MINUTE;
    const order = control.order(session, 'GET', '/agents');
    const stolen = await signPush(control.key, order);
    expect((await control.send(order, await signPush(control.key, { ...order, nowMs: townNowMs }))).status).toBe(200);
    expect((await control.send(order, stolen)).status).toBe(401);
    const forged = await signPush(await newKey('active'), { ...order, nowMs: townNowMs + 600 * MINUTE });
    expect((await control.send(order, forged)).status).toBe(401);
    const refresh = {
      ...control.order(session, 'POST', `/agents/${agent}/refresh-token`, { grant: control.town.mint(agent) }),
    };
    const next = await signPush(control.key, { ...refresh, nowMs: townNowMs + 1_000 });
    expect((await control.send(refresh, next)).status).toBe(200);
    expect((await control.openSession({ ...session, id: sessionId(9), epoch: 9 })).status).toBe(200);
  });
});
