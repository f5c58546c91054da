/** The town as an issuer in bad weather: it hangs, answers half, loses its answers, or returns what is no token. */
import { describe, expect, it } from 'vitest';
import { PULL_TIMEOUT_MS, PULL_TRIES, type IssuedToken } from '#protocol';
import { AgentScene, SECONDS, AgentContext } from '../support/agent-scene.ts';
import { TestControlServer, message } from '../support/control-server.ts';
import { hang, problemAnswer, type Interception } from '../support/fake-town-api.ts';
import { agentId } from '../../support/ids.ts';
import { settle } from '../support/manual-clock.ts';

/** Answers pulls in the town's place. */
const pulls =
  (answer: () => Response | Promise<Response> | undefined): Interception =>
  ({ path }) =>
    path.endsWith('/token') ? answer() : undefined;

/** An answer whose parts the test sends one by one. */
function trickle(): { response: Response; send: (text: string) => void; end: () => void } {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const quietly = (done: Promise<void>): void => void done.catch(() => {});
  return {
    response: new Response(readable, { headers: { 'content-type': 'application/json' } }),
    send: (text) => quietly(writer.write(new TextEncoder().encode(text))),
    end: () => quietly(writer.close()),
  };
}

/** What the cell holds, as one. */
const heldBy = ({ cell }: AgentScene): unknown => {
  const { token } = cell;
  return token === null ? null : [token.text.reveal(), token.inc, token.gen, token.jti, token.expiresAtMs];
};
const partsOf = ({ token, inc, gen, jti, expires_at }: IssuedToken): unknown => [
  token,
  inc,
  gen,
  jti,
  Date.parse(expires_at),
];

describe('W-06: no session to pull with', () => {
  it('W-06: the token that is there is used, due or expired: no pull, no throw, no timer', async () => {
    for (const ageSeconds of [0, 55, 60, 86_400]) {
      const scene = new AgentScene(new AgentContext(), 1, 60);
      scene.hasSession = false;
      await scene.clock.advance(ageSeconds * SECONDS);
      await scene.client.refreshAhead();
      expect((await scene.beat()).kind).toBe(ageSeconds < 60 ? 'ok' : 'refused');
      expect(scene.town.paths()).toEqual(['/v1/agent/heartbeat']);
      expect(scene.bearers('/heartbeat')).toEqual([scene.first.token]);
      expect(scene.clock.pending).toBe(0);
    }
  });

  it('W-06: a forced pull says so in its outcome, at once', async () => {
    const scene = new AgentScene();
    scene.hasSession = false;
    expect(await scene.puller.pull()).toEqual({ kind: 'unavailable' });
    await scene.client.pull();
    expect([scene.town.requests.length, scene.clock.pending, scene.log.lines.length]).toEqual([0, 0, 0]);
  });

  it('W-06: as soon as there is a session again, the next call pulls', async () => {
    const scene = new AgentScene(new AgentContext(), 1, 60);
    scene.hasSession = false;
    await scene.clock.advance(55 * SECONDS);
    await scene.beat();
    scene.hasSession = true;
    await scene.beat();
    expect(scene.town.count('/token')).toBe(1);
    expect(scene.cell.token?.gen).toBe(2);
  });
});

describe('W-10: an issuer that hangs', () => {
  it('W-10: releases the heartbeat, the reporter and the turn that wait for it, all after 10 s', async () => {
    const control = await TestControlServer.make();
    const session = await control.session();
    const ending = control.town.mint(agentId(1), 1, 120);
    await control.clock.advance(105 * SECONDS);
    await control.start(session, ending);
    control.town.intercept = pulls(hang);
    await control.deliver(session, ending, message(1, 'hello'));
    await control.clock.advance(PULL_TIMEOUT_MS - 1);
    expect(new Set(control.town.paths().map((path) => path.split('/').at(-1)))).toEqual(new Set(['token']));
    await control.clock.advance(1);
    await control.clock.advance(0);
    expect(control.town.count('/token')).toBe(1);
    expect(control.town.count('/heartbeat')).toBe(1);
    expect(control.town.count('/events')).toBe(1);
    expect(
      control.log.lines.filter(({ event }) => event === 'pull_failed').map(({ fields }) => fields['reason']),
    ).toEqual(['timeout']);
  });

  it('W-10: the timeout is an outcome with a type; a caller that joins late is released with the flight', async () => {
    const scene = new AgentScene();
    scene.town.intercept = pulls(hang);
    const waiting = [scene.puller.pull()];
    await scene.clock.advance(9 * SECONDS);
    waiting.push(scene.puller.pull());
    await scene.clock.advance(SECONDS);
    expect(await Promise.all(waiting)).toEqual([
      { kind: 'failed', reason: 'timeout' },
      { kind: 'failed', reason: 'timeout' },
    ]);
    expect(scene.clock.pending).toBe(0);
  });

  it('W-10: an answer that is cut in the middle of its body at 10 s is dropped whole, its rest too', async () => {
    const scene = new AgentScene();
    const slow = trickle();
    scene.town.intercept = pulls(() => slow.response);
    const pulled = scene.puller.pull();
    const late = scene.town.mint(scene.agent);
    const text = JSON.stringify(late);
    slow.send(text.slice(0, 60));
    await scene.clock.advance(PULL_TIMEOUT_MS - 1);
    slow.send(text.slice(60, 120));
    await scene.clock.advance(1);
    expect(await pulled).toEqual({ kind: 'failed', reason: 'timeout' });
    slow.send(text.slice(120));
    slow.end();
    await settle();
    expect(heldBy(scene)).toEqual(partsOf(scene.first));
    // The slot is free, and what comes next is used whole.
    scene.town.intercept = () => undefined;
    expect(await scene.puller.pull()).toEqual({ kind: 'fresh' });
    expect(scene.cell.token).toMatchObject({ gen: 3, jti: `jti-${scene.agent}-3` });
  });

  it('W-10: an answer that is complete in the last millisecond is used whole', async () => {
    const scene = new AgentScene();
    const slow = trickle();
    scene.town.intercept = pulls(() => slow.response);
    const pulled = scene.puller.pull();
    const late = scene.town.mint(scene.agent);
    await scene.clock.advance(PULL_TIMEOUT_MS - 1);
    slow.send(JSON.stringify(late));
    slow.end();
    await settle();
    expect(await pulled).toEqual({ kind: 'fresh' });
    expect(heldBy(scene)).toEqual(partsOf(late));
    expect(scene.clock.pending).toBe(0);
  });
});

describe('W-11: the issuer minted, the answer was lost', () => {
  const losses: Record<string, (answer: Response) => Promise<Response>> = {
    'before its headers': () => Promise.reject(new TypeError('connection reset')),
    'in its body': async () =>
      new Response(new ReadableStream({ start: (controller) => controller.error(new Error('connection reset')) })),
    'behind a gateway': () => Promise.resolve(new Response('<html>bad gateway</html>', { status: 502 })),
  };
  for (const [where, lose] of Object.entries(losses)) {
    it(`W-11: ${where}: the retry succeeds, nothing is revoked, and the lost one is stale when it turns up`, async () => {
      const { control, session, agent, issued } = await TestControlServer.withAgent();
      await control.deliver(session, issued, message(1, 'work 600'));
      await control.clock.advance(SECONDS);
      const lost: IssuedToken[] = [];
      control.town.intercept = pulls(() => {
        if (lost.length > 0) return undefined;
        const minted = control.town.mint(agent);
        lost.push(minted);
        return lose(Response.json(minted));
      });
      control.town.lagging = true;
      await control.clock.advance(31 * SECONDS);
      control.town.lagging = false;
      expect(control.town.count('/token')).toBe(2);
      expect(await control.running(session)).toMatchObject([{ gen: 3 }]);
      // Until the retry brought its token, the first one was used, and it was never refused.
      expect(control.town.refused).toEqual([]);
      expect((await control.refresh(session, lost[0] ?? issued)).body).toMatchObject({ outcome: 'stale', gen: 3 });
      await control.clock.advance(60 * SECONDS);
      expect(control.town.refused).toEqual([]);
      expect(control.town.beats.at(-1)?.gen).toBe(3);
    });
  }
});

describe('W-16: what is no token', () => {
  const wrong: Record<string, (issued: IssuedToken) => unknown> = {
    'no token': ({ token: _token, ...rest }) => rest,
    'an empty token': (issued) => ({ ...issued, token: '' }),
    'null for a token': (issued) => ({ ...issued, token: null }),
    'the town of another agent': (issued) => ({ ...issued, agent: agentId(9) }),
    'another incarnation': (issued) => ({ ...issued, inc: 2 }),
    'no expiry': ({ expires_at: _expires, ...rest }) => rest,
    'null for an expiry': (issued) => ({ ...issued, expires_at: null }),
    'an expiry that is no time': (issued) => ({ ...issued, expires_at: 'tomorrow' }),
    'an expiry in seconds': (issued) => ({ ...issued, expires_at: 1_900_000_000 }),
    'an expiry that is past': (issued) => ({ ...issued, expires_at: issued.issued_at }),
    'the names of OAuth': ({ token, ...rest }) => ({ ...rest, access_token: token, expires_in: 3600 }),
    'a list': (issued) => [issued],
    nothing: () => null,
  };
  for (const [what, change] of Object.entries(wrong)) {
    it(`W-16: an answer with ${what} is a transient failure; nothing is stored, and no client is informed`, async () => {
      const scene = new AgentScene();
      const given: string[] = [];
      scene.context.registry.register(scene.agent, { setToken: (token) => void given.push(token) });
      const before = scene.cell.token;
      scene.town.intercept = pulls(() => Response.json(change(scene.town.mint(scene.agent))));
      const pulled = scene.puller.pull();
      await scene.clock.advance(PULL_TIMEOUT_MS);
      expect(await pulled).toMatchObject({ kind: 'failed' });
      expect(scene.town.count('/token')).toBe(PULL_TRIES);
      expect(scene.cell.token).toBe(before);
      expect(given).toEqual([scene.first.token]);
      expect(scene.client.isOver).toBe(false);
      scene.town.intercept = () => undefined;
      expect(await scene.puller.pull()).toEqual({ kind: 'fresh' });
      expect(given).toHaveLength(2);
    });
  }

  it('W-16: an answer without an end is given up after 1 MiB, and counts as one without a token', async () => {
    const scene = new AgentScene();
    let sentBytes = 0;
    let givenUp = 0;
    const chunk = new Uint8Array(64 * 1024).fill(0x20);
    const endless = (): ReadableStream<Uint8Array> =>
      new ReadableStream({
        pull: (controller) => {
          sentBytes += chunk.length;
          if (sentBytes > 64 * 1024 * 1024) throw new Error('the reader does not stop');
          controller.enqueue(chunk);
        },
        cancel: () => void (givenUp += 1),
      });
    scene.town.intercept = pulls(() => new Response(endless()));
    const pulled = scene.puller.pull();
    await scene.clock.advance(PULL_TIMEOUT_MS);
    expect(await pulled).toEqual({ kind: 'failed', reason: 'no token' });
    expect([scene.town.count('/token'), givenUp]).toEqual([PULL_TRIES, PULL_TRIES]);
    expect(sentBytes).toBeLessThan(PULL_TRIES * 1.5 * 1024 * 1024);
  });

  it('W-16: the first of three answers is no token, the second is: the pull succeeds', async () => {
    const scene = new AgentScene();
    let answers = 0;
    scene.town.intercept = pulls(() => {
      answers += 1;
      return answers === 1 ? new Response('<html>welcome to the hotel’s network</html>') : undefined;
    });
    const pulled = scene.puller.pull();
    await scene.clock.advance(PULL_TIMEOUT_MS);
    expect(await pulled).toEqual({ kind: 'fresh' });
    expect(answers).toBe(2);
  });
});

describe('W-25: a forced refresh', () => {
  it('W-25: joins a rotation in flight, whatever began it', async () => {
    const scene = new AgentScene(new AgentContext(), 1, 60);
    const gate = Promise.withResolvers<void>();
    scene.town.intercept = pulls(() => gate.promise.then(() => Response.json(scene.town.mint(scene.agent))));
    await scene.clock.advance(55 * SECONDS);
    const call = scene.beat();
    const ahead = scene.client.refreshAhead();
    await settle();
    const forced = [scene.puller.pull(), scene.puller.pull()];
    await settle();
    expect(scene.town.count('/token')).toBe(1);
    gate.resolve();
    expect(await Promise.all(forced)).toEqual([{ kind: 'fresh' }, { kind: 'fresh' }]);
    await Promise.all([call, ahead]);
    expect(scene.town.count('/token')).toBe(1);
    expect(scene.bearers('/heartbeat')).toEqual([`token-of-${scene.agent}-2`]);
  });

  it('W-25: is not satisfied by a freshness check in flight: a fresh token is replaced all the same', async () => {
    const scene = new AgentScene();
    const answer = Promise.withResolvers<Response>();
    scene.town.intercept = ({ path }) => (path.endsWith('/heartbeat') ? answer.promise : undefined);
    const checks = [scene.client.refreshAhead(), scene.beat(), scene.client.refreshAhead()];
    const forced = scene.puller.pull();
    expect(await forced).toEqual({ kind: 'fresh' });
    expect(scene.town.count('/token')).toBe(1);
    expect(scene.cell.token?.gen).toBe(2);
    answer.resolve(Response.json({ minted: 2, lagging: false }));
    await Promise.all(checks);
    expect(scene.town.count('/token')).toBe(1);
  });

  it('W-25: is made also while checks rest after a failure', async () => {
    const scene = new AgentScene(new AgentContext(), 1, 60);
    scene.town.intercept = pulls(() => problemAnswer('not_found'));
    await scene.clock.advance(55 * SECONDS);
    await scene.client.refreshAhead();
    await scene.client.refreshAhead();
    expect(scene.town.count('/token')).toBe(1);
    scene.town.intercept = () => undefined;
    expect(await scene.puller.pull()).toEqual({ kind: 'fresh' });
  });

  it('W-25: of the town is applied at once, whatever is in flight, and what lands later from there is stale', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    await control.deliver(session, issued, message(1, 'work 600'));
    await control.clock.advance(SECONDS);
    const slow = Promise.withResolvers<Response>();
    const pulled = control.town.mint(agent);
    control.town.intercept = pulls(() => slow.promise);
    control.town.lagging = true;
    await control.clock.advance(30 * SECONDS);
    expect(control.town.count('/token')).toBe(1);
    const forced = control.town.mint(agent);
    expect((await control.refresh(session, forced)).body).toMatchObject({ outcome: 'applied', gen: 3 });
    slow.resolve(Response.json(pulled));
    control.town.lagging = false;
    await control.clock.advance(60 * SECONDS);
    expect(await control.running(session)).toMatchObject([{ gen: 3 }]);
    expect(control.town.beats.at(-1)?.gen).toBe(3);
    expect(control.town.refused).toEqual([]);
  });
});

describe('A-10: a pull', () => {
  it('A-10: holds its waiters for 10 s at most and tries 3 times, whatever mixture of failures it meets', async () => {
    const answers: (() => Response | Promise<Response>)[] = [
      () => problemAnswer('unavailable'),
      () => Promise.reject(new TypeError('connection refused')),
      () => new Response('{}', { status: 408 }),
      () => problemAnswer('limit_exceeded', { 'retry-after': '3' }),
      () => Response.json({}),
      hang,
    ];
    for (const [first, one] of answers.entries()) {
      const scene = new AgentScene();
      let tries = 0;
      scene.town.intercept = pulls(() => {
        tries += 1;
        return tries === 1 ? one() : (answers[(first + tries) % answers.length]?.() ?? hang());
      });
      let released = false;
      const waiting = scene.puller.pull().then(() => (released = true));
      await scene.clock.advance(PULL_TIMEOUT_MS);
      expect(released).toBe(true);
      await waiting;
      expect(tries).toBeLessThanOrEqual(PULL_TRIES);
      expect([scene.clock.pending, scene.cell.token?.gen]).toEqual([0, 1]);
    }
  });

  it('A-10: its answer carries the expiry, by which the next one is timed', async () => {
    const scene = new AgentScene();
    scene.town.ttlSeconds = 600;
    await scene.puller.pull();
    expect(scene.cell.token?.expiresAtMs).toBe(scene.clock.nowMs() + 600 * SECONDS);
    await scene.clock.advance(500 * SECONDS);
    await scene.beat();
    expect(scene.town.count('/token')).toBe(1);
    await scene.clock.advance(1);
    await scene.beat();
    expect(scene.town.count('/token')).toBe(2);
  });
});

describe('M-10: the old token', () => {
  it('M-10: stays in use until the new one is swapped in, however many were minted meanwhile', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    await control.deliver(session, issued, message(1, 'work 600'));
    const late = [control.town.mint(agent), control.town.mint(agent), control.town.mint(agent)];
    control.town.lagging = true;
    // The town has minted, and its answers to heartbeats say so, but no push arrives and no pull is answered.
    control.town.intercept = pulls(() => problemAnswer('unavailable'));
    await control.clock.advance(120 * SECONDS);
    expect(new Set(control.town.beats.map(({ gen }) => gen))).toEqual(new Set([1]));
    expect(control.town.refused).toEqual([]);
    const [, , newest = issued] = late;
    expect((await control.refresh(session, newest)).body.outcome).toBe('applied');
    const before = control.town.beats.length;
    await control.clock.advance(60 * SECONDS);
    expect(new Set(control.town.beats.slice(before).map(({ gen }) => gen))).toEqual(new Set([4]));
    expect(control.town.refused).toEqual([]);
  });

  it('M-10: a request that left with it is answered as ever, though the new one is swapped in meanwhile', async () => {
    const scene = new AgentScene();
    const slow = Promise.withResolvers<void>();
    scene.town.intercept = ({ path }) =>
      path.endsWith('/heartbeat') ? slow.promise.then(() => Response.json({ minted: 1, lagging: false })) : undefined;
    const call = scene.beat();
    await settle();
    expect(scene.entry.swap(scene.town.mint(scene.agent))).toBe('applied');
    slow.resolve();
    expect((await call).kind).toBe('ok');
    expect(scene.bearers('/heartbeat')).toEqual([scene.first.token]);
  });
});
