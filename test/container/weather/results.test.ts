/** What a turn comes to is kept in the container until the town has it, and is made once. */
import { describe, expect, it } from 'vitest';
import { INTERRUPTED } from '#protocol';
import { TestControlServer, message } from '../support/control-server.ts';
import { problemAnswer } from '../support/fake-town-api.ts';
import { messageId } from '../../support/ids.ts';
import { settle } from '../support/manual-clock.ts';

const SECONDS = 1000;
const ofType = (control: TestControlServer, type: 'turn.started' | 'turn.finished') =>
  control.town.events
    .filter((event) => event.type === 'turn.started' || event.type === 'turn.finished')
    .filter((event) => event.type === type);
const DONE = { state: 'done', reply: 'You said: hello', truncated: false };

describe('the result of a turn', () => {
  it('A-18: a 401 in a turn is retried at the request; the turn is not run again', async () => {
    const { control, session, issued } = await TestControlServer.withAgent();
    await control.deliver(session, issued, message(1, 'work 5'));
    await control.clock.advance(SECONDS);
    control.town.refuse(issued);
    await control.clock.advance(30 * SECONDS);
    expect(control.town.refused).toEqual([issued.token]);
    expect(control.town.count('/token')).toBe(1);
    expect(ofType(control, 'turn.started')).toHaveLength(1);
    expect(ofType(control, 'turn.finished')).toMatchObject([
      { message: messageId(1), attempt: 1, result: { state: 'done' } },
    ]);
    expect(await control.running(session)).toMatchObject([{ messages: [{ message: messageId(1), state: 'done' }] }]);
  });

  it('K-08: is kept until the town has acknowledged it: a lost answer leads to a repeat, and nothing is lost or reported twice', async () => {
    const { control, session, issued } = await TestControlServer.withAgent();
    const { fetch } = control.town;
    let lost = 0;
    control.town.intercept = ({ method, path, bearer, body }) => {
      if (!path.endsWith('/events') || lost === 3) return undefined;
      lost += 1;
      const { intercept } = control.town;
      control.town.intercept = () => undefined;
      const init = { method, headers: { authorization: `Bearer ${bearer}` }, body, redirect: 'manual' as const };
      const taken = fetch(`https://town.example${path}`, { ...init, signal: new AbortController().signal });
      control.town.intercept = intercept;
      // The town took it; its answer does not arrive.
      return taken.then(() => Promise.reject(new TypeError('connection reset')));
    };
    await control.deliver(session, issued, message(1, 'hello'));
    await settle();
    // A repeat of the delivery is answered with what is held; nothing is run again.
    const held = async () => (await control.deliver(session, issued, message(1, 'hello'))).body.messages;
    expect(await held()).toEqual([{ message: messageId(1), attempt: 1, state: 'done', result: DONE }]);
    await control.clock.advance(120 * SECONDS);
    expect(lost).toBe(3);
    expect(control.town.counters.filter((counter) => counter === 1)).toHaveLength(4);
    expect(ofType(control, 'turn.finished')).toHaveLength(1);
    expect(await held()).toEqual([{ message: messageId(1), attempt: 1, state: 'done', result: DONE }]);
    expect(await control.running(session)).toMatchObject([
      { messages: [{ message: messageId(1), attempt: 1, state: 'done' }] },
    ]);
  });

  it('is kept as long as the town cannot be reached', async () => {
    const { control, session, issued } = await TestControlServer.withAgent();
    control.town.intercept = ({ path }) => (path.endsWith('/events') ? problemAnswer('unavailable') : undefined);
    await control.deliver(session, issued, message(1, 'hello'), message(2, 'hello'));
    await control.clock.advance(6 * 3600 * SECONDS);
    const kept = [1, 2].map((seed) => ({ message: messageId(seed), attempt: 1, state: 'done', result: DONE }));
    const again = await control.deliver(session, issued, message(1, 'hello'), message(2, 'hello'));
    expect(again.body.messages).toEqual(kept);
    control.town.intercept = () => undefined;
    await control.clock.advance(60 * SECONDS);
    expect(ofType(control, 'turn.finished').map((event) => event.message)).toEqual([messageId(1), messageId(2)]);
  });
});

describe('an interrupt', () => {
  const interrupt = async (
    control: TestControlServer,
    session: Parameters<TestControlServer['push']>[0],
    agent: string,
    body: object,
  ) => {
    const response = await control.push(session, 'POST', `/agents/${agent}/interrupt`, body);
    return { status: response.status, body: await response.json() };
  };

  it('ends the turn under way as failed, and the same process goes on with the next message', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    await control.deliver(session, issued, message(1, 'work 600'), message(2, 'hello'));
    await control.clock.advance(SECONDS);
    const done = { status: 200, body: { agent, inc: 1, outcome: 'interrupted' } };
    expect(await interrupt(control, session, agent, { inc: 1 })).toEqual(done);
    await control.clock.advance(2 * SECONDS);
    expect(ofType(control, 'turn.finished')).toMatchObject([
      { message: messageId(1), result: { state: 'failed', error: INTERRUPTED } },
      { message: messageId(2), result: { state: 'done' } },
    ]);
    expect(await interrupt(control, session, agent, { inc: 1 })).toMatchObject({
      status: 200,
      body: { outcome: 'idle' },
    });
  });

  it('of one message leaves every other alone, also when it comes late', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    await control.deliver(session, issued, message(1, 'hello'), message(2, 'work 10'), message(3, 'never run'));
    await control.clock.advance(SECONDS);
    const late = await interrupt(control, session, agent, { inc: 1, message: messageId(1) });
    expect(late).toMatchObject({ status: 200, body: { outcome: 'idle' } });
    const waiting = await interrupt(control, session, agent, { inc: 1, message: messageId(3) });
    expect(waiting).toMatchObject({ status: 200, body: { outcome: 'interrupted' } });
    await control.clock.advance(30 * SECONDS);
    expect(ofType(control, 'turn.started').map((event) => event.message)).toEqual([messageId(1), messageId(2)]);
    const ends = new Map(ofType(control, 'turn.finished').map((event) => [event.message, event]));
    expect(ends.get(messageId(2))).toMatchObject({ result: { state: 'done' } });
    expect(ends.get(messageId(3))).toMatchObject({ result: { state: 'failed', error: INTERRUPTED } });
  });

  it('of another incarnation, or of an agent that is not here, changes nothing', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    await control.deliver(session, issued, message(1, 'work 5'));
    await control.clock.advance(SECONDS);
    const other = await interrupt(control, session, agent, { inc: 2 });
    expect(other).toEqual({ status: 409, body: { agent, inc: 1, outcome: 'incarnation_mismatch' } });
    await control.end(session, 'stop', agent);
    const gone = await interrupt(control, session, agent, { inc: 1 });
    expect(gone).toEqual({ status: 404, body: { agent, inc: 0, outcome: 'unknown_agent' } });
    expect((await control.push(session, 'POST', `/agents/${agent}/interrupt`, { inc: 0 })).status).toBe(400);
  });
});
