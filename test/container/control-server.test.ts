/** The whole control server against the whole fake town: what one part alone cannot show. */
import { afterEach, describe, expect, it } from 'vitest';
import { Registry } from '../../container/clients/registry.ts';
import { createControlServer } from '../../container/control-server.ts';
import { TestControlServer, message } from './support/control-server.ts';
import { TOWN_URL, problemAnswer } from './support/fake-town-api.ts';
import { agentId, messageId } from '../support/ids.ts';
import { KeptLog } from './support/log.ts';
import { ManualClock, settle } from './support/manual-clock.ts';
import { newKey } from '../../src/tokens/key-edit.ts';
import { keySetOf } from './support/push.ts';

const KEY = Symbol.for('reeve.clients');
afterEach(() => void Reflect.deleteProperty(globalThis, KEY));

describe('reach of a refresh', () => {
  it('W-21: heartbeat, event reporter and a registered plugin each send the new token in their next call', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    const given: string[] = [];
    control.registry.register(agent, { setToken: (token) => void given.push(token) });
    await control.deliver(session, issued, message(1, 'work 600'));
    await control.clock.advance(10_000);
    const fresh = control.town.mint(agent);
    const before = control.town.requests.length;
    await control.refresh(session, fresh);
    await control.clock.advance(60_000);
    const after = control.town.requests.slice(before);
    expect(new Set(after.map(({ path }) => path))).toEqual(new Set(['/v1/agent/heartbeat', '/v1/agent/events']));
    expect(new Set(after.map(({ bearer }) => bearer))).toEqual(new Set([fresh.token]));
    expect(given).toEqual([issued.token, fresh.token]);
  });

  it('K-02: refreshing A changes nothing that B sends', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    const other = control.town.mint(agentId(2));
    await control.start(session, other);
    await control.deliver(session, issued, message(1, 'work 600'));
    await control.deliver(session, other, message(2, 'work 600'));
    for (let round = 0; round < 5; round += 1) {
      await control.refresh(session, control.town.mint(agent));
      await control.clock.advance(30_000);
    }
    const ofB = control.town.beats.filter((beat) => beat.agent === agentId(2));
    expect(ofB.length).toBeGreaterThan(4);
    expect(new Set(ofB.map(({ gen }) => gen))).toEqual(new Set([1]));
    expect(new Set(control.town.beats.filter((beat) => beat.agent === agent).map(({ gen }) => gen)).size).toBe(6);
  });

  it('M-06: an agent whose token is refused in mid-turn pulls and goes on; the turn is not run again', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    await control.deliver(session, issued, message(1, 'work 20'));
    await control.clock.advance(5_000);
    control.town.refuse(issued);
    await control.clock.advance(20_000);
    expect(control.town.count('/token')).toBe(1);
    expect(control.town.events.filter(({ type }) => type === 'turn.started')).toHaveLength(1);
    expect(control.town.events.at(-1)).toMatchObject({
      type: 'turn.finished',
      result: { state: 'done', reply: 'worked 20 s' },
    });
    expect(await control.running(session)).toMatchObject([{ agent, gen: 2 }]);
  });

  it('W-01: an agent that starts with an expired token refreshes before its first message', async () => {
    const control = await TestControlServer.make();
    const session = await control.session();
    const expired = control.town.mint(agentId(1), 1, 60);
    await control.clock.advance(120_000);
    await control.start(session, expired);
    await control.deliver(session, expired, message(1, 'whoami'));
    await control.clock.advance(1_000);
    expect(control.town.paths()[0]).toMatch(/\/token$/);
    expect(new Set(control.town.requests.slice(1).map(({ bearer }) => bearer))).toEqual(
      new Set([`token-of-${agentId(1)}-2`]),
    );
    expect(control.town.events.at(-1)).toMatchObject({ type: 'turn.finished', result: { state: 'done' } });
  });

  it('W-05: an agent outlives nine of its tokens without a push and without one 401', async () => {
    const control = await TestControlServer.make();
    const session = await control.session();
    control.town.ttlSeconds = 60;
    const issued = control.town.mint(agentId(1));
    await control.start(session, issued);
    await control.deliver(session, issued, message(1, 'work 500'));
    await control.clock.advance(501_000);
    expect(control.town.refused).toEqual([]);
    expect(control.town.count('/token')).toBe(9);
    expect(control.town.events.at(-1)).toMatchObject({ type: 'turn.finished', result: { state: 'done' } });
  });
});

describe('when the agent is over', () => {
  it('W-12: heartbeat and reporter stop, it is said once, and no further turn begins', async () => {
    const { control, session, issued } = await TestControlServer.withAgent();
    await control.deliver(session, issued, message(1, 'work 60'), message(2, 'hello'));
    await control.clock.advance(1_000);
    control.town.refuse(issued, 'agent_revoked');
    await control.clock.advance(1_000);
    const before = control.town.requests.length;
    await control.clock.advance(600_000);
    expect(control.town.requests).toHaveLength(before);
    expect(control.log.levels('agent_over')).toEqual(['warn']);
    const [agent] = await control.running(session);
    expect(agent?.messages.map(({ state }) => state)).toEqual(['done', 'delivered']);
  });
});

describe('shutdown', () => {
  it('reports what is finished before the agents end, refuses what is new, and may be asked for again', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    control.town.intercept = ({ path }) => (path.endsWith('/events') ? problemAnswer('unavailable') : undefined);
    await control.deliver(session, issued, message(1, 'hello'));
    await control.clock.advance(1_000);
    control.town.intercept = () => undefined;
    const down = control.server.shutdown();
    expect(control.registry.size).toBe(1);
    await control.clock.advance(5_000);
    await Promise.all([down, control.server.shutdown()]);
    expect(control.town.events.at(-1)).toMatchObject({ type: 'turn.finished', message: messageId(1) });
    expect(control.registry.size).toBe(0);
    expect(control.clock.pending).toBe(0);
    expect((await control.push(session, 'POST', `/agents/${agent}/stop`, { inc: 1 })).status).toBe(503);
  });

  it('takes 5 s at most where the town cannot be reached', async () => {
    const { control, session, issued } = await TestControlServer.withAgent();
    control.town.intercept = () => new Promise(() => {});
    await control.deliver(session, issued, message(1, 'hello'));
    await settle();
    let done = false;
    const down = control.server.shutdown().then(() => (done = true));
    await control.clock.advance(4_999);
    expect(done).toBe(false);
    await control.clock.advance(1);
    await down;
    expect(control.clock.pending).toBe(0);
  });
});

describe('createControlServer', () => {
  it('by default joins the registry of the process and draws its boot from the platform', async () => {
    const config = {
      apiUrl: TOWN_URL,
      issuer: TOWN_URL,
      jwks: keySetOf(await newKey('active')),
      containerSecret: null,
    };
    const parts = {
      config,
      clock: new ManualClock(),
      log: new KeptLog(),
      fetch: () => Promise.reject(new TypeError('offline')),
      spawn: () => Promise.reject(new Error('no agent is started')),
    };
    const [one, other] = [createControlServer(parts), createControlServer(parts)];
    expect(one.boot).toMatch(/^boot_[0-9a-z]{20}$/);
    expect(one.boot).not.toBe(other.boot);
    expect(Reflect.get(globalThis, KEY)).toBeInstanceOf(Registry);
    await one.hello();
  });
});

it('T6: through a whole life of an agent no log line holds a token, a secret or a message', async () => {
  const { control, session, agent, issued } = await TestControlServer.withAgent();
  await control.deliver(session, issued, message(1, 'work 5'), message(2, 'a-private-matter'));
  control.town.intercept = ({ path }) => (path.endsWith('/events') ? problemAnswer('invalid_token') : undefined);
  await control.clock.advance(120_000);
  control.town.intercept = () => Promise.reject(new TypeError(`bad header Bearer ${issued.token}`));
  await control.clock.advance(120_000);
  await control.end(session, 'retire', agent);
  expect(control.log.lines.length).toBeGreaterThan(5);
  for (const hidden of ['token-of', 'secret-', 'private', 'eyJ']) expect(control.log.text()).not.toContain(hidden);
});
