import { describe, expect, it } from 'vitest';
import {
  MAX_AUTHORIZATION_BYTES,
  MAX_CONTROL_BODY_BYTES,
  PROTOCOL_VERSION,
  healthSchema,
  problemSchema,
  runningAgentsSchema,
} from '#protocol';
import { TestControlServer, PROCESS_ID, message, read } from '../support/control-server.ts';
import { problemAnswer } from '../support/fake-town-api.ts';
import { agentId, containerName, messageId, sessionId } from '../../support/ids.ts';
import { settle } from '../support/manual-clock.ts';
import { pushRequest, signPush } from '../support/push.ts';

const codeOf = async (response: Response): Promise<string> => problemSchema.parse(await response.json()).code;

describe('health', () => {
  it('needs no push token and shows the boot (A-13)', async () => {
    const control = await TestControlServer.make();
    const response = await control.server.app.fetch(new Request('http://control.example/health'));
    const { body } = await read(response, healthSchema);
    expect(body).toEqual({ status: 'ok', version: PROTOCOL_VERSION, boot: control.server.boot });
  });

  it('shows another boot for each run', async () => {
    const [one, other] = [await TestControlServer.make(), await TestControlServer.make()];
    expect(one.server.boot).not.toBe(other.server.boot);
  });
});

describe('the gate', () => {
  it('A-13: without a push token every route but health answers 401 with one body, and nothing changes', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    const routes = ['PUT /session', 'GET /agents', 'GET /nowhere', 'POST /agents/refresh-tokens'];
    for (const action of ['start', 'messages', 'refresh-token', 'stop', 'retire'])
      routes.push(`POST /agents/${agent}/${action}`);
    const bodies = new Set<string>();
    for (const route of routes) {
      const [method = '', path = ''] = route.split(' ');
      const response = await control.server.app.fetch(new Request(`http://control.example${path}`, { method }));
      expect([route, response.status]).toEqual([route, 401]);
      bodies.add(await response.text());
    }
    expect(bodies.size).toBe(1);
    expect(await control.running(session)).toMatchObject([{ agent, inc: 1, gen: 1 }]);
  });

  it('takes a body of 2 MiB and refuses one byte more with 413', async () => {
    const { control, session } = await TestControlServer.withAgent();
    const send = async (size: number): Promise<Response> => {
      const order = { ...control.order(session, 'POST', '/agents/refresh-tokens'), body: ' '.repeat(size) };
      return control.send(order, await signPush(control.key, order));
    };
    expect(await codeOf(await send(MAX_CONTROL_BODY_BYTES))).toBe('invalid_request');
    expect(await codeOf(await send(MAX_CONTROL_BODY_BYTES + 1))).toBe('payload_too_large');
  });

  it('takes an Authorization header of 8 KiB and refuses one byte more with 413', async () => {
    const control = await TestControlServer.make();
    const send = (length: number): Promise<Response> => {
      const headers = { authorization: 'Bearer '.padEnd(length, 'x') };
      return Promise.resolve(control.server.app.fetch(new Request('http://control.example/agents', { headers })));
    };
    expect((await send(MAX_AUTHORIZATION_BYTES)).status).toBe(401);
    expect((await send(MAX_AUTHORIZATION_BYTES + 1)).status).toBe(413);
  });

  it('answers 404 for a route that does not exist, to the town only', async () => {
    const { control, session } = await TestControlServer.withAgent();
    expect(await codeOf(await control.push(session, 'GET', '/nowhere'))).toBe('not_found');
  });

  it('answers 400 for a signed body that is no UTF-8, and hands no other text to the agent', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    const path = `/agents/${agent}/messages`;
    const delivery = { inc: 1, grant: { ...issued, gen: 2 }, messages: [message(1, 'caf#')] };
    const order = control.order(session, 'POST', path, delivery);
    const body = Buffer.from(order.body, 'utf8');
    body[body.indexOf('#')] = 0xe9;
    const digest = await crypto.subtle.digest('SHA-256', body);
    const token = await signPush(control.key, order, { claims: { bsha: Buffer.from(digest).toString('base64url') } });
    const { headers, method } = pushRequest(order, token);
    const response = await control.server.app.fetch(
      new Request(`http://control.example${path}`, { method, headers, body }),
    );
    expect([response.status, await codeOf(response)]).toEqual([400, 'invalid_body']);
    expect(await control.running(session)).toMatchObject([{ agent, gen: 1, messages: [] }]);
  });

  it('answers 400 with the path of what is wrong, and without the value', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    const body = { inc: 1, grant: { ...issued, gen: 'hush' }, messages: [] };
    const response = await control.push(session, 'POST', `/agents/${agent}/messages`, body);
    const text = await response.text();
    expect(response.status).toBe(400);
    expect(problemSchema.parse(JSON.parse(text)).errors?.map(({ path }) => path)).toEqual(['grant.gen', 'messages']);
    expect(text).not.toContain('hush');
    expect(text).not.toContain(issued.token);
  });

  it('answers 400 for a body that is no JSON', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    const order = { ...control.order(session, 'POST', `/agents/${agent}/stop`), body: '{"inc":1' };
    expect((await control.send(order, await signPush(control.key, order))).status).toBe(400);
  });
});

describe('PUT /session', () => {
  it('A-26: the same session again changes nothing', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    const again = await control.opened(session);
    expect(again).toEqual({
      status: 200,
      body: { session: session.id, boot: control.server.boot, epoch: session.epoch },
    });
    expect(await control.running(session)).toMatchObject([{ agent }]);
  });

  it('refuses an older epoch, and an equal one of another session, with stale_session', async () => {
    const control = await TestControlServer.make();
    const session = await control.session(5);
    for (const epoch of [4, 5]) {
      const response = await control.openSession({ ...session, id: sessionId(9), epoch });
      expect(await codeOf(response)).toBe('stale_session');
    }
    expect((await control.push(session, 'GET', '/agents')).status).toBe(200);
  });

  it('A-26: a newer session ends only that container’s earlier session and its agents', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    const neighbour = await control.session(2);
    await control.start(neighbour, control.town.mint(agentId(2)));
    const newer = { ...session, id: sessionId(3), epoch: 3 };
    expect((await control.opened(newer)).status).toBe(200);
    expect(await codeOf(await control.push(session, 'GET', '/agents'))).toBe('unknown_session');
    expect(await control.running(newer)).toEqual([]);
    expect(await control.running(neighbour)).toMatchObject([{ agent: agentId(2) }]);
    expect(() => control.registry.register(agent, { setToken: () => {} })).toThrow('not live');
  });

  it('a newer session forgets tombstones and stopped incarnations', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    await control.end(session, 'retire', agent);
    const newer = { ...session, id: sessionId(3), epoch: 3 };
    await control.opened(newer);
    expect(await control.start(newer, issued)).toMatchObject({ status: 200, body: { outcome: 'started' } });
  });

  it('A-26: two towns on one process each have their session', async () => {
    const control = await TestControlServer.make();
    const [one, other] = [await control.session(1), await control.session(2)];
    expect((await control.push(one, 'GET', '/agents')).status).toBe(200);
    expect((await control.push(other, 'GET', '/agents')).status).toBe(200);
  });

  it('is refused where the body names another container than the token', async () => {
    const control = await TestControlServer.make();
    const session = { id: sessionId(1), container: containerName(1), epoch: 1 };
    const body = {
      version: 1,
      container: containerName(2),
      session: session.id,
      epoch: 1,
      secret: 'x'.repeat(43),
      heartbeat_seconds: 30,
    };
    const order = { ...control.order(session, 'PUT', '/session', body), audience: control.server.boot };
    expect((await control.send(order, await signPush(control.key, order))).status).toBe(401);
  });

  it('a token that opened a session opens nothing again', async () => {
    const control = await TestControlServer.make();
    const session = { id: sessionId(1), container: containerName(1), epoch: 1 };
    const body = {
      version: 1,
      container: session.container,
      session: session.id,
      epoch: 1,
      secret: 'x'.repeat(43),
      heartbeat_seconds: 30,
    };
    const order = { ...control.order(session, 'PUT', '/session', body), audience: control.server.boot };
    const token = await signPush(control.key, order);
    expect((await control.send(order, token)).status).toBe(200);
    expect((await control.send(order, token)).status).toBe(401);
  });

  it('A-27: a control server whose clock is 10 min off accepts pushes and refuses expired and repeated ones', async () => {
    const control = await TestControlServer.make();
    control.clock.wallErrorMs = -600_000;
    const session = await control.session();
    await control.clock.advance(3_600_000);
    expect((await control.push(session, 'GET', '/agents')).status).toBe(200);
    const order = control.order(session, 'GET', '/agents');
    const token = await signPush(control.key, order);
    expect((await control.send(order, token)).status).toBe(200);
    expect((await control.send(order, token)).status).toBe(401);
    const late = await signPush(control.key, { ...order, nowMs: order.nowMs - 91_000 });
    expect((await control.send(order, late)).status).toBe(401);
  });
});

describe('starting an agent', () => {
  it('answers with the process that runs it', async () => {
    const control = await TestControlServer.make();
    const session = await control.session();
    const issued = control.town.mint(agentId(1));
    const body = { agent: agentId(1), inc: 1, gen: 1, outcome: 'started', process_id: PROCESS_ID };
    expect(await control.start(session, issued)).toEqual({ status: 200, body });
  });

  it('A-23: a repeated start is answered `current` and swaps a newer token in', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    const again = await control.start(session, control.town.mint(agent));
    expect(again).toMatchObject({ status: 200, body: { outcome: 'current', inc: 1, gen: 2, process_id: PROCESS_ID } });
  });

  it('a lower incarnation than the running one is stale, and so is a stopped one', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    expect(await control.start(session, control.town.mint(agent, 3))).toMatchObject({
      body: { outcome: 'started', inc: 3 },
    });
    expect(await control.start(session, control.town.mint(agent, 2))).toMatchObject({
      status: 409,
      body: { outcome: 'stale', inc: 3 },
    });
    await control.end(session, 'stop', agent, 3);
    expect(await control.start(session, control.town.mint(agent, 3))).toMatchObject({
      status: 409,
      body: { outcome: 'stale', inc: 3 },
    });
    expect(await control.start(session, control.town.mint(agent, 4))).toMatchObject({
      status: 200,
      body: { outcome: 'started' },
    });
  });

  it('is refused where the token is for another agent or incarnation', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    const order = { inc: 2, name: 'ada', role: 'worker' };
    for (const issued of [control.town.mint(agentId(2), 2), control.town.mint(agent, 1)]) {
      const response = await control.push(session, 'POST', `/agents/${agent}/start`, { ...order, grant: issued });
      expect(response.status).toBe(400);
    }
  });
});

describe('delivering messages', () => {
  it('K-01: brings a fresh token in the same request, into the same process', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    const before = await control.running(session);
    const delivered = await control.deliver(session, control.town.mint(agent), message(1, 'whoami'));
    expect(delivered).toMatchObject({ status: 200, body: { swap: { outcome: 'applied', gen: 2 } } });
    await control.clock.advance(1000);
    const [finished] = control.town.events.filter((event) => event.type === 'turn.finished');
    expect(finished?.result).toMatchObject({
      state: 'done',
      reply: JSON.stringify({ agent: 'ada', incarnation: 1, generation: 2 }),
    });
    const after = await control.running(session);
    expect(after.map(({ process_id }) => process_id)).toEqual(before.map(({ process_id }) => process_id));
  });

  it('takes the messages with a repeated or an older token too', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    const newer = control.town.mint(agent);
    expect(await control.deliver(session, newer, message(1, 'hi'))).toMatchObject({ status: 200 });
    expect(await control.deliver(session, newer, message(2, 'hi'))).toMatchObject({
      status: 200,
      body: { swap: { outcome: 'current' }, messages: [{ message: messageId(2), attempt: 1, state: 'delivered' }] },
    });
    expect(await control.deliver(session, issued, message(3, 'hi'))).toMatchObject({
      status: 200,
      body: { swap: { outcome: 'stale', gen: 2 }, messages: [{ message: messageId(3) }] },
    });
  });

  it('takes none where the token is refused', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    const refused = { messages: [] };
    expect(await control.deliver(session, { ...issued, jti: 'another-jti' }, message(1, 'hi'))).toMatchObject({
      status: 409,
      body: refused,
    });
    expect(await control.deliver(session, control.town.mint(agent, 2), message(1, 'hi'))).toMatchObject({
      status: 409,
      body: { swap: { outcome: 'incarnation_mismatch', inc: 1 }, ...refused },
    });
    expect(await control.deliver(session, control.town.mint(agentId(2)), message(1, 'hi'))).toMatchObject({
      status: 404,
      body: { swap: { outcome: 'unknown_agent', inc: 0, gen: 0 }, ...refused },
    });
    await control.end(session, 'retire', agent);
    expect(await control.deliver(session, control.town.mint(agent), message(1, 'hi'))).toMatchObject({
      status: 410,
      body: refused,
    });
    expect(control.town.events).toEqual([]);
  });

  it('A-18: answers a repeat with what it holds and does not run it again', async () => {
    const { control, session, issued } = await TestControlServer.withAgent();
    control.town.intercept = ({ path }) => (path.endsWith('/events') ? problemAnswer('unavailable') : undefined);
    await control.deliver(session, issued, message(1, 'hello'));
    await settle();
    const again = await control.deliver(session, issued, message(1, 'hello'));
    const result = { state: 'done', reply: 'You said: hello', truncated: false };
    expect(again.body.messages).toEqual([{ message: messageId(1), attempt: 1, state: 'done', result }]);
    control.town.intercept = () => undefined;
    await control.clock.advance(60_000);
    expect(control.town.events.filter(({ type }) => type === 'turn.started')).toHaveLength(1);
    const acknowledged = await control.deliver(session, issued, message(1, 'hello'));
    expect(acknowledged.body.messages).toEqual([{ message: messageId(1), attempt: 1, state: 'done', result }]);
    expect(control.town.events.filter(({ type }) => type === 'turn.started')).toHaveLength(1);
  });
});

describe('a token for another agent or incarnation than the request', () => {
  it('is refused with 400 and reaches neither', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    const other = agentId(2);
    await control.start(session, control.town.mint(other));
    const forOther = control.town.mint(other);
    const delivery = { inc: 1, messages: [message(1, 'hi')] };
    const sent = [
      await control.push(session, 'POST', `/agents/${agent}/refresh-token`, { grant: forOther }),
      await control.push(session, 'POST', `/agents/${agent}/messages`, { ...delivery, grant: forOther }),
      await control.push(session, 'POST', `/agents/${agent}/messages`, {
        ...delivery,
        inc: 2,
        grant: control.town.mint(agent),
      }),
    ];
    expect(sent.map(({ status }) => status)).toEqual([400, 400, 400]);
    expect(await control.running(session)).toMatchObject([
      { agent, gen: 1, messages: [] },
      { agent: other, gen: 1, messages: [] },
    ]);
  });
});

describe('refreshing tokens', () => {
  it('answers each outcome with its status', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    const newer = control.town.mint(agent);
    expect(await control.refresh(session, newer)).toEqual({
      status: 200,
      body: { agent, inc: 1, gen: 2, outcome: 'applied' },
    });
    expect(await control.refresh(session, newer)).toMatchObject({ status: 200, body: { outcome: 'current' } });
    expect(await control.refresh(session, issued)).toMatchObject({ status: 409, body: { outcome: 'stale', gen: 2 } });
    expect(await control.refresh(session, { ...newer, jti: 'another-jti' })).toMatchObject({
      status: 409,
      body: { outcome: 'conflict' },
    });
    expect(await control.refresh(session, control.town.mint(agent, 2))).toMatchObject({
      status: 409,
      body: { outcome: 'incarnation_mismatch' },
    });
  });

  it('T3: a push for an agent that does not run makes no entry', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    const stranger = control.town.mint(agentId(2));
    expect(await control.refresh(session, stranger)).toMatchObject({ status: 404, body: { outcome: 'unknown_agent' } });
    expect((await control.running(session)).map((running) => running.agent)).toEqual([agent]);
    expect(control.registry.size).toBe(1);
  });

  it('A-14: a batch reports each agent by itself, in the order given', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    const [unknown, retired, lost] = [agentId(2), agentId(3), agentId(4)];
    await control.start(session, control.town.mint(retired));
    await control.end(session, 'retire', retired);
    const lostToken = control.town.mint(lost);
    await control.start(session, lostToken);
    const tokens = [
      control.town.mint(unknown),
      control.town.mint(retired),
      { ...lostToken, jti: 'another-jti' },
      control.town.mint(agent),
    ];
    const { status, body } = await control.refreshAll(session, ...tokens);
    expect(status).toBe(200);
    expect(body.results.map((result) => [result.agent, result.outcome])).toEqual([
      [unknown, 'unknown_agent'],
      [retired, 'retired'],
      [lost, 'conflict'],
      [agent, 'applied'],
    ]);
  });

  it('A-13: a push in one container’s session does not reach another container’s agent', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    const neighbour = await control.session(2);
    const newer = control.town.mint(agent);
    expect(await control.refresh(neighbour, newer)).toMatchObject({ status: 404, body: { outcome: 'unknown_agent' } });
    expect(await control.deliver(neighbour, newer, message(1, 'hi'))).toMatchObject({ status: 404 });
    await control.end(neighbour, 'retire', agent);
    expect(await control.running(session)).toMatchObject([{ agent, gen: 1 }]);
    expect(await control.running(neighbour)).toEqual([]);
  });
});

describe('ending an agent', () => {
  it('A-23: stop is idempotent, also for an agent that never ran', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    for (let time = 0; time < 2; time += 1) {
      expect(await control.end(session, 'stop', agent)).toEqual({
        status: 200,
        body: { agent, inc: 1, outcome: 'stopped' },
      });
    }
    expect(await control.end(session, 'stop', agentId(2))).toMatchObject({ status: 200, body: { outcome: 'stopped' } });
    expect(await control.running(session)).toEqual([]);
    expect(control.clock.pending).toBe(0);
  });

  it('leaves a higher incarnation alone', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    await control.start(session, control.town.mint(agent, 2));
    expect(await control.end(session, 'stop', agent, 1)).toEqual({
      status: 409,
      body: { agent, inc: 2, outcome: 'stale' },
    });
    expect(await control.running(session)).toMatchObject([{ inc: 2 }]);
  });

  it('K-07: a push that lands after teardown answers `retired` and does not resurrect the agent', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    expect(await control.end(session, 'retire', agent)).toMatchObject({ status: 200, body: { outcome: 'retired' } });
    expect(control.registry.size).toBe(0);
    expect(await control.refresh(session, control.town.mint(agent))).toEqual({
      status: 410,
      body: { agent, inc: 0, gen: 0, outcome: 'retired' },
    });
    expect(await control.start(session, control.town.mint(agent, 2))).toMatchObject({
      status: 410,
      body: { outcome: 'retired' },
    });
    expect(await control.end(session, 'retire', agent)).toMatchObject({ status: 200 });
    expect(control.registry.size).toBe(0);
  });

  it('K-07: an agent that never ran leaves a tombstone too', async () => {
    const control = await TestControlServer.make();
    const session = await control.session();
    await control.end(session, 'retire', agentId(1));
    expect(await control.start(session, control.town.mint(agentId(1)))).toMatchObject({ status: 410 });
  });

  it('a token for a stopped agent finds no agent', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    await control.end(session, 'stop', agent);
    expect(await control.refresh(session, control.town.mint(agent))).toMatchObject({
      status: 404,
      body: { outcome: 'unknown_agent' },
    });
  });
});

describe('GET /agents', () => {
  it('lists what runs for the session of the token, with the messages held', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    await control.deliver(session, issued, message(1, 'work 5'), message(2, 'later'));
    await settle();
    const { body } = await read(await control.push(session, 'GET', '/agents'), runningAgentsSchema);
    const messages = [
      { message: messageId(1), attempt: 1, state: 'working' },
      { message: messageId(2), attempt: 1, state: 'delivered' },
    ];
    expect(body.agents).toEqual([{ agent, inc: 1, gen: 1, process_id: PROCESS_ID, messages }]);
  });
});

describe('draining', () => {
  const FOR_EVER = 3_600_000;

  it('takes no session, agent or message, and says when to come again; what holds for the turn under way goes on', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    await control.deliver(session, issued, message(1, 'work 60'));
    const drained = control.server.drain(FOR_EVER);
    const health = await control.server.app.fetch(new Request('http://control.example/health'));
    expect([health.status, health.headers.get('retry-after')]).toEqual([503, '5']);
    const fresh = control.town.mint(agent);
    const started = { inc: 2, name: 'ada', role: 'worker', grant: { ...fresh, inc: 2 }, runtime: null };
    const delivered = { inc: 1, grant: fresh, messages: [message(2, 'hello')] };
    const refused = [
      health,
      await control.openSession({ ...session, id: sessionId(2), epoch: 2 }, 2),
      await control.push(session, 'POST', `/agents/${agent}/messages`, delivered),
      await control.push(session, 'POST', `/agents/${agent}/start`, started),
    ];
    expect(new Set(await Promise.all(refused.map(codeOf)))).toEqual(new Set(['shutting_down']));
    expect((await control.refresh(session, fresh)).body.outcome).toBe('applied');
    expect((await control.running(session))[0]?.messages).toMatchObject([{ message: messageId(1), state: 'working' }]);
    await control.push(session, 'POST', `/agents/${agent}/interrupt`, { inc: 1 });
    await control.clock.advance(1_000);
    await drained;
    expect(control.town.events.at(-1)).toMatchObject({ type: 'turn.finished', result: { error: 'interrupted' } });
  });

  it('is over with the turn under way, whose result the town gets; the next that waits here never begins', async () => {
    const { control, session, issued } = await TestControlServer.withAgent();
    await control.deliver(session, issued, message(1, 'work 60'), message(2, 'hello'));
    let isOver = false;
    void control.server.drain(FOR_EVER).then(() => (isOver = true));
    await control.clock.advance(59_000);
    expect(isOver).toBe(false);
    await control.clock.advance(2_000);
    expect(isOver).toBe(true);
    await control.server.shutdown();
    const ofTurns = control.town.events.filter(({ type }) => type === 'turn.started' || type === 'turn.finished');
    expect(ofTurns).toMatchObject([
      { type: 'turn.started', message: messageId(1) },
      { type: 'turn.finished', message: messageId(1), result: { state: 'done' } },
    ]);
  });

  it('is over at its deadline, with the turn unfinished and no result of it reported', async () => {
    const { control, session, issued } = await TestControlServer.withAgent();
    await control.deliver(session, issued, message(1, 'work 60'));
    let isOver = false;
    void control.server.drain(30_000).then(() => (isOver = true));
    await control.clock.advance(29_000);
    expect(isOver).toBe(false);
    await control.clock.advance(1_000);
    expect(isOver).toBe(true);
    await control.server.shutdown();
    expect(control.town.events.map(({ type }) => type)).not.toContain('turn.finished');
  });

  it('is cut short by a shutdown, and takes no time where no turn is under way', async () => {
    const { control, session, issued } = await TestControlServer.withAgent();
    await control.deliver(session, issued, message(1, 'work 60'));
    const drained = control.server.drain(FOR_EVER);
    const ended = control.server.shutdown();
    await drained;
    await control.clock.advance(5_000);
    await ended;
    const idle = await TestControlServer.withAgent();
    await idle.control.server.drain(FOR_EVER);
  });
});

describe('shutting down', () => {
  it('refuses everything with 503, health too, and says when to come again', async () => {
    const { control } = await TestControlServer.withAgent();
    await control.server.shutdown();
    const response = await control.server.app.fetch(new Request('http://control.example/health'));
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await codeOf(response)).toBe('shutting_down');
  });
});

it('A-13: an order signed for one path is refused at another', async () => {
  const { control, session, agent } = await TestControlServer.withAgent();
  const order = control.order(session, 'POST', `/agents/${agent}/stop`, { inc: 1 });
  const token = await signPush(control.key, order);
  const elsewhere = pushRequest({ ...order, path: `/agents/${agent}/retire` }, token);
  expect((await control.server.app.fetch(elsewhere)).status).toBe(401);
  expect(await control.running(session)).toHaveLength(1);
});
