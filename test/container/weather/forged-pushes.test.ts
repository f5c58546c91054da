/** S-23: pushes that are forged, expired, replayed or swapped change nothing at all. */
import { describe, expect, it } from 'vitest';
import { PULL_TIMEOUT_MS, type IssuedToken } from '#protocol';
import { TestControlServer, message, type HeldSession } from '../support/control-server.ts';
import { agentId, containerName, secretOf, sessionId } from '../../support/ids.ts';
import { settle } from '../support/manual-clock.ts';
import { newKey } from '../../../src/tokens/key-edit.ts';
import type { TokenChanges } from '../../support/signing.ts';
import { signPush, type PushOrder } from '../support/push.ts';

/** A control server with three agents in three states, and a second container beside it: what a push may change. */
async function inhabited() {
  const { control, session, agent, issued } = await TestControlServer.withAgent();
  const neighbour = await control.session(2);
  await control.start(neighbour, control.town.mint(agentId(5)));
  const idle = control.town.mint(agentId(2));
  await control.start(session, idle);
  const stopped = control.town.mint(agentId(3));
  await control.start(session, stopped);
  await control.end(session, 'stop', agentId(3));
  await control.end(session, 'retire', agentId(4));
  await control.deliver(session, issued, message(1, 'work 3600'), message(2, 'hello'));
  const given: string[] = [];
  for (const registered of [agent, agentId(2)]) {
    control.registry.register(registered, { setToken: (token) => void given.push(token) });
  }
  await control.clock.advance(10_000);
  return { control, session, neighbour, agent, issued, given };
}

type Inhabited = Awaited<ReturnType<typeof inhabited>>;

/** Everything that can be seen of the supervisors, the registry, the sessions and what goes out, but not when. */
async function snapshot({ control, session, neighbour, given }: Inhabited): Promise<unknown> {
  return {
    agents: await control.running(session),
    neighbours: await control.running(neighbour),
    live: control.registry.size,
    given: [...given],
    timers: control.clock.pending,
    // But for the keys, of which an unknown kid may ask once in 30 s (W-34).
    requests: control.town.paths().filter((path) => !path.endsWith('/jwks.json')).length,
    // An older epoch is refused, the one that is held is answered: no other was opened.
    sessions: [(await control.openSession({ ...session, id: sessionId(99), epoch: session.epoch })).status],
    sessionLines: control.log.lines.filter(({ event, fields }) => event === 'session' && fields['outcome'] === 'opened')
      .length,
  };
}

/** What each push orders, were it genuine: all of it would be seen in the snapshot. */
function orders({ control, session, agent }: Inhabited): PushOrder[] {
  const fresh = (seed: number, inc = 1): IssuedToken => control.town.mint(agentId(seed), inc);
  const start = (issued: IssuedToken): unknown => ({
    inc: issued.inc,
    name: 'eve',
    role: 'worker',
    grant: issued,
    runtime: null,
  });
  const opening = { version: 1, container: session.container, session: sessionId(50), epoch: 50, secret: secretOf(5) };
  const send = (method: string, path: string, body?: unknown): PushOrder => control.order(session, method, path, body);
  return [
    { ...send('PUT', '/session', { ...opening, heartbeat_seconds: 30 }), audience: control.server.boot },
    send('POST', `/agents/${agent}/refresh-token`, { grant: fresh(1) }),
    send('POST', '/agents/refresh-tokens', { grants: [fresh(1), fresh(2)] }),
    send('POST', `/agents/${agent}/messages`, { inc: 1, grant: fresh(1), messages: [message(3, 'work 5')] }),
    send('POST', `/agents/${agentId(2)}/messages`, { inc: 1, grant: fresh(2), messages: [message(4, 'hello')] }),
    send('POST', `/agents/${agent}/start`, start(fresh(1, 2))),
    send('POST', `/agents/${agentId(6)}/start`, start(fresh(6))),
    send('POST', `/agents/${agentId(3)}/start`, start(fresh(3, 2))),
    send('POST', `/agents/${agent}/stop`, { inc: 1 }),
    send('POST', `/agents/${agentId(2)}/retire`, { inc: 1 }),
  ];
}

const tokenOf = (changes: TokenChanges) => (control: TestControlServer, order: PushOrder) =>
  signPush(control.key, order, changes);
const past = (order: PushOrder, seconds: number): PushOrder => ({ ...order, nowMs: order.nowMs - seconds * 1000 });

/** One way each of making a push that the town did not make, for this moment and this request. */
const forgeries: Record<string, (control: TestControlServer, order: PushOrder) => Promise<string>> = {
  'no token at all': async () => '',
  'a foreign key': async (_, order) => signPush(await newKey('active'), order),
  'a foreign key under the right kid': async ({ key }, order) =>
    signPush({ ...(await newKey('active')), kid: key.kid }, order),
  'a changed claim under the right signature': async ({ key }, order) => {
    const [header = '', , signature = ''] = (await signPush(key, order)).split('.');
    const [, payload = ''] = (await signPush(await newKey('active'), order, { claims: { jti: 'another-0001' } })).split(
      '.',
    );
    return `${header}.${payload}.${signature}`;
  },
  'no algorithm': async ({ key }, order) => {
    const [, payload = ''] = (await signPush(key, order)).split('.');
    const header = Buffer.from(JSON.stringify({ alg: 'none', typ: 'town-push+jwt', kid: key.kid })).toString(
      'base64url',
    );
    return `${header}.${payload}.${'A'.repeat(86)}`;
  },
  'another issuer': tokenOf({ claims: { iss: 'https://evil.example' } }),
  'another type': tokenOf({ header: { typ: 'at+jwt' } }),
  'another container': tokenOf({ claims: { container: containerName(2) } }),
  'another town': tokenOf({ claims: { town: containerName(2).split(':')[0] } }),
  'the audience of the town': tokenOf({ claims: { aud: 'https://town.example' } }),
  'another method': tokenOf({ claims: { htm: 'DELETE' } }),
  'another path': tokenOf({ claims: { htu: '/agents' } }),
  'another body': tokenOf({ claims: { bsha: 'A'.repeat(43) } }),
  'an end that never comes': tokenOf({ claims: { exp: undefined } }),
};

/** These need a clock that is known: where a session is opened the town's time is what the token says. */
const agings: Record<string, (order: PushOrder) => PushOrder> = {
  'expired a second ago': (order) => past(order, 91),
  'expired yesterday': (order) => past(order, 86_400),
};

describe('S-23: what is refused changes nothing', () => {
  for (const [what, forge] of Object.entries(forgeries)) {
    it(`S-23: forged, with ${what}: every order is refused with 401, and all is as before`, async () => {
      const scene = await inhabited();
      const given = orders(scene);
      const before = await snapshot(scene);
      for (const order of given)
        expect((await scene.control.send(order, await forge(scene.control, order))).status).toBe(401);
      await settle();
      expect(await snapshot(scene)).toEqual(before);
    });
  }

  for (const [what, age] of Object.entries(agings)) {
    it(`S-23: ${what}: every order for a session is refused with 401, and all is as before`, async () => {
      const scene = await inhabited();
      const [, ...given] = orders(scene);
      const before = await snapshot(scene);
      for (const order of given) {
        expect((await scene.control.send(order, await signPush(scene.control.key, age(order)))).status).toBe(401);
      }
      await settle();
      expect(await snapshot(scene)).toEqual(before);
    });
  }

  it('S-23: body-swapped: the token of one order does not carry out another, in either direction', async () => {
    const scene = await inhabited();
    const { control } = scene;
    const given = orders(scene);
    const before = await snapshot(scene);
    for (const [at, order] of given.entries()) {
      const other = given[(at + 1) % given.length] ?? order;
      const token = await signPush(control.key, other);
      // Its body at the right path, its body alone, and both under the other's token.
      for (const swapped of [{ ...order, body: other.body }, { ...other, body: order.body }, order]) {
        if (swapped.body === other.body && swapped.path === other.path) continue;
        expect((await control.send(swapped, token)).status).toBe(401);
      }
      for (const body of [`${other.body} `, other.body.replace('1', '2'), '']) {
        expect((await control.send({ ...other, body }, token)).status).toBe(401);
      }
    }
    await settle();
    expect(await snapshot(scene)).toEqual(before);
  });

  it('S-23: replayed: each genuine push works once; its copies, at once and later, are refused and change nothing', async () => {
    const scene = await inhabited();
    const { control, session } = scene;
    const [opening, ...given] = orders(scene);
    const used: { order: PushOrder; token: string }[] = [];
    for (const order of given) {
      const token = await signPush(control.key, order);
      const copies = await Promise.all([
        control.send(order, token),
        control.send(order, token),
        control.send(order, token),
      ]);
      expect(copies.map(({ status }) => status).filter((status) => status === 401)).toHaveLength(2);
      used.push({ order, token });
    }
    await control.clock.advance(PULL_TIMEOUT_MS);
    const before = await snapshot(scene);
    const replay = async (): Promise<void> => {
      for (const { order, token } of used) expect((await control.send(order, token)).status).toBe(401);
      await settle();
    };
    await replay();
    expect(await snapshot(scene)).toEqual(before);
    // An opening works once too: its copy does not even reach the session that it opened.
    if (opening === undefined) throw new Error('the first order opens a session');
    const token = await signPush(control.key, opening);
    expect((await control.send(opening, token)).status).toBe(200);
    const held: HeldSession = { ...session, id: sessionId(50), epoch: 50 };
    const after = await snapshot({ ...scene, session: held });
    expect((await control.send(opening, token)).status).toBe(401);
    // What was for the session before it finds no agent, and says so to the town alone.
    for (const { order, token: earlier } of used) expect((await control.send(order, earlier)).status).toBe(409);
    expect(await snapshot({ ...scene, session: held })).toEqual(after);
  });

  it('S-23: a genuine push after all of these works as if there had been none', async () => {
    const scene = await inhabited();
    const { control, session, agent } = scene;
    for (const forge of Object.values(forgeries)) {
      for (const order of orders(scene)) await control.send(order, await forge(control, order));
    }
    const fresh = control.town.mint(agent);
    expect((await control.refresh(session, fresh)).body.outcome).toBe('applied');
    expect((await control.start(session, control.town.mint(agentId(6)))).body.outcome).toBe('started');
    expect((await control.end(session, 'stop', agentId(2))).body.outcome).toBe('stopped');
    expect((await control.refresh(session, control.town.mint(agentId(4)))).body.outcome).toBe('retired');
  });
});
