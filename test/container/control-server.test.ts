/** The whole control server against the whole fake town: what one part alone cannot show. */
import { afterEach, describe, expect, it } from 'vitest';
import { Registry } from '../../container/clients/registry.ts';
import { createControlServer } from '../../container/control-server.ts';
import { Box, message } from './support/box.ts';
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
    const { box, session, agent, grant } = await Box.withAgent();
    const given: string[] = [];
    box.registry.register(agent, { setToken: (token) => void given.push(token) });
    await box.deliver(session, grant, message(1, 'work 600'));
    await box.clock.advance(10_000);
    const fresh = box.town.mint(agent);
    const before = box.town.heard.length;
    await box.refresh(session, fresh);
    await box.clock.advance(60_000);
    const after = box.town.heard.slice(before);
    expect(new Set(after.map(({ path }) => path))).toEqual(new Set(['/v1/agent/heartbeat', '/v1/agent/events']));
    expect(new Set(after.map(({ bearer }) => bearer))).toEqual(new Set([fresh.token]));
    expect(given).toEqual([grant.token, fresh.token]);
  });

  it('K-02: refreshing A changes nothing that B sends', async () => {
    const { box, session, agent, grant } = await Box.withAgent();
    const other = box.town.mint(agentId(2));
    await box.start(session, other);
    await box.deliver(session, grant, message(1, 'work 600'));
    await box.deliver(session, other, message(2, 'work 600'));
    for (let round = 0; round < 5; round += 1) {
      await box.refresh(session, box.town.mint(agent));
      await box.clock.advance(30_000);
    }
    const ofB = box.town.beats.filter((beat) => beat.agent === agentId(2));
    expect(ofB.length).toBeGreaterThan(4);
    expect(new Set(ofB.map(({ gen }) => gen))).toEqual(new Set([1]));
    expect(new Set(box.town.beats.filter((beat) => beat.agent === agent).map(({ gen }) => gen)).size).toBe(6);
  });

  it('M-06: an agent whose token is refused in mid-turn pulls and goes on; the turn is not run again', async () => {
    const { box, session, agent, grant } = await Box.withAgent();
    await box.deliver(session, grant, message(1, 'work 20'));
    await box.clock.advance(5_000);
    box.town.refuse(grant);
    await box.clock.advance(20_000);
    expect(box.town.count('/token')).toBe(1);
    expect(box.town.events.filter(({ type }) => type === 'turn.started')).toHaveLength(1);
    expect(box.town.events.at(-1)).toMatchObject({
      type: 'turn.finished',
      result: { state: 'done', reply: 'worked 20 s' },
    });
    expect(await box.running(session)).toMatchObject([{ agent, gen: 2 }]);
  });

  it('W-01: an agent that starts with an expired token refreshes before its first message', async () => {
    const box = await Box.make();
    const session = await box.session();
    const expired = box.town.mint(agentId(1), 1, 60);
    await box.clock.advance(120_000);
    await box.start(session, expired);
    await box.deliver(session, expired, message(1, 'whoami'));
    await box.clock.advance(1_000);
    expect(box.town.paths()[0]).toMatch(/\/token$/);
    expect(new Set(box.town.heard.slice(1).map(({ bearer }) => bearer))).toEqual(new Set([`token-of-${agentId(1)}-2`]));
    expect(box.town.events.at(-1)).toMatchObject({ type: 'turn.finished', result: { state: 'done' } });
  });

  it('W-05: an agent outlives nine of its tokens without a push and without one 401', async () => {
    const box = await Box.make();
    const session = await box.session();
    box.town.ttlSeconds = 60;
    const grant = box.town.mint(agentId(1));
    await box.start(session, grant);
    await box.deliver(session, grant, message(1, 'work 500'));
    await box.clock.advance(501_000);
    expect(box.town.refused).toEqual([]);
    expect(box.town.count('/token')).toBe(9);
    expect(box.town.events.at(-1)).toMatchObject({ type: 'turn.finished', result: { state: 'done' } });
  });
});

describe('when the agent is over', () => {
  it('W-12: heartbeat and reporter stop, it is said once, and no further turn begins', async () => {
    const { box, session, grant } = await Box.withAgent();
    await box.deliver(session, grant, message(1, 'work 60'), message(2, 'hello'));
    await box.clock.advance(1_000);
    box.town.refuse(grant, 'agent_revoked');
    await box.clock.advance(1_000);
    const before = box.town.heard.length;
    await box.clock.advance(600_000);
    expect(box.town.heard).toHaveLength(before);
    expect(box.log.levels('agent_over')).toEqual(['warn']);
    const [agent] = await box.running(session);
    expect(agent?.messages.map(({ state }) => state)).toEqual(['done', 'delivered']);
  });
});

describe('shutdown', () => {
  it('reports what is finished before the agents end, refuses what is new, and may be asked for again', async () => {
    const { box, session, agent, grant } = await Box.withAgent();
    box.town.intercept = ({ path }) => (path.endsWith('/events') ? problemAnswer('unavailable') : undefined);
    await box.deliver(session, grant, message(1, 'hello'));
    await box.clock.advance(1_000);
    box.town.intercept = () => undefined;
    const down = box.server.shutdown();
    expect(box.registry.size).toBe(1);
    await box.clock.advance(5_000);
    await Promise.all([down, box.server.shutdown()]);
    expect(box.town.events.at(-1)).toMatchObject({ type: 'turn.finished', message: messageId(1) });
    expect(box.registry.size).toBe(0);
    expect(box.clock.pending).toBe(0);
    expect((await box.push(session, 'POST', `/agents/${agent}/stop`, { inc: 1 })).status).toBe(503);
  });

  it('takes 5 s at most where the town cannot be reached', async () => {
    const { box, session, grant } = await Box.withAgent();
    box.town.intercept = () => new Promise(() => {});
    await box.deliver(session, grant, message(1, 'hello'));
    await settle();
    let done = false;
    const down = box.server.shutdown().then(() => (done = true));
    await box.clock.advance(4_999);
    expect(done).toBe(false);
    await box.clock.advance(1);
    await down;
    expect(box.clock.pending).toBe(0);
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
    };
    const [one, other] = [createControlServer(parts), createControlServer(parts)];
    expect(one.boot).toMatch(/^boot_[0-9a-z]{20}$/);
    expect(one.boot).not.toBe(other.boot);
    expect(Reflect.get(globalThis, KEY)).toBeInstanceOf(Registry);
    await one.hello();
  });
});

it('T6: through a whole life of an agent no log line holds a token, a secret or a message', async () => {
  const { box, session, agent, grant } = await Box.withAgent();
  await box.deliver(session, grant, message(1, 'work 5'), message(2, 'a-private-matter'));
  box.town.intercept = ({ path }) => (path.endsWith('/events') ? problemAnswer('invalid_token') : undefined);
  await box.clock.advance(120_000);
  box.town.intercept = () => Promise.reject(new TypeError(`bad header Bearer ${grant.token}`));
  await box.clock.advance(120_000);
  await box.end(session, 'retire', agent);
  expect(box.log.lines.length).toBeGreaterThan(5);
  for (const hidden of ['token-of', 'secret-', 'private', 'eyJ']) expect(box.log.text()).not.toContain(hidden);
});
