import { describe, expect, it } from 'vitest';
import { PULL_TIMEOUT_MS, PULL_TRIES, pullSchema, type IssuedToken } from '#protocol';
import { AgentScene, AgentContext } from '../support/agent-scene.ts';
import { hang, problemAnswer } from '../support/fake-town-api.ts';
import { agentId, secretOf, sessionId } from '../../support/ids.ts';

/** Long enough for all tries and the waits between them. */
const ALL_TRIES_MS = 9_000;

describe('pull', () => {
  it('shows the session’s secret and says what is held', async () => {
    const scene = new AgentScene();
    expect(await scene.puller.pull()).toEqual({ kind: 'fresh' });
    const [request] = scene.town.requests;
    expect(request?.bearer).toBe(secretOf(1));
    expect(pullSchema.parse(JSON.parse(request?.body ?? ''))).toEqual({ session: sessionId(1), inc: 1, gen: 1 });
    expect(scene.cell.token?.gen).toBe(2);
  });

  it('A-27: takes the town’s time from an answer to its own request, and from no older one', async () => {
    const scene = new AgentScene();
    await scene.puller.pull();
    expect(scene.rebases).toEqual([scene.clock.nowMs()]);
    scene.town.intercept = () => Response.json({ ...scene.first, gen: 2 });
    const pulled = scene.puller.pull();
    await scene.clock.advance(ALL_TRIES_MS);
    expect(await pulled).toEqual({ kind: 'failed', reason: 'not newer' });
    expect(scene.rebases).toHaveLength(1);
  });

  it('W-07: N concurrent callers of one identity make one request', async () => {
    const scene = new AgentScene();
    await Promise.all(Array.from({ length: 20 }, () => scene.puller.pull()));
    expect(scene.town.count('/token')).toBe(1);
  });

  it('W-08: two identities at once make two requests, and each gets its own', async () => {
    const context = new AgentContext();
    const [one, other] = [new AgentScene(context, 1), new AgentScene(context, 2)];
    await Promise.all([one.puller.pull(), other.puller.pull()]);
    expect(context.town.count('/token')).toBe(2);
    expect(one.cell.token?.text.reveal()).toBe(`token-of-${agentId(1)}-2`);
    expect(other.cell.token?.text.reveal()).toBe(`token-of-${agentId(2)}-2`);
  });

  it('gives the registered clients the token that it brought', async () => {
    const scene = new AgentScene();
    const given: string[] = [];
    scene.context.registry.register(scene.agent, { setToken: (token) => void given.push(token) });
    await scene.puller.pull();
    expect(given).toEqual([scene.first.token, `token-of-${scene.agent}-2`]);
  });

  it('W-09: the slot is free again after success, failure and timeout', async () => {
    const scene = new AgentScene();
    await scene.puller.pull();
    scene.town.intercept = () => problemAnswer('not_found');
    expect(await scene.puller.pull()).toEqual({ kind: 'failed', reason: 'status 404' });
    scene.town.intercept = hang;
    const hung = scene.puller.pull();
    await scene.clock.advance(PULL_TIMEOUT_MS);
    expect(await hung).toEqual({ kind: 'failed', reason: 'timeout' });
    scene.town.intercept = () => undefined;
    expect(await scene.puller.pull()).toEqual({ kind: 'fresh' });
    expect(scene.clock.pending).toBe(0);
  });

  it('W-10: an issuer that hangs releases all who wait after 10 s, and its late answer is dropped', async () => {
    const scene = new AgentScene();
    const late = Promise.withResolvers<Response>();
    scene.town.intercept = () => late.promise;
    const waiting = [scene.puller.pull(), scene.puller.pull()];
    await scene.clock.advance(PULL_TIMEOUT_MS);
    expect(await Promise.all(waiting)).toEqual([
      { kind: 'failed', reason: 'timeout' },
      { kind: 'failed', reason: 'timeout' },
    ]);
    late.resolve(Response.json(scene.town.mint(scene.agent)));
    await scene.clock.advance(0);
    expect(scene.cell.token?.gen).toBe(1);
  });

  it('A-10: tries three times where it may help, and then no more', async () => {
    const scene = new AgentScene();
    scene.town.intercept = () => problemAnswer('unavailable');
    const pulled = scene.puller.pull();
    await scene.clock.advance(ALL_TRIES_MS);
    expect(await pulled).toEqual({ kind: 'failed', reason: 'status 503' });
    expect(scene.town.count('/token')).toBe(PULL_TRIES);
  });

  it.each([408, 425, 429, 500, 502, 503, 504])(
    'W-12: a %i is one that may pass: it is tried three times',
    async (status) => {
      const scene = new AgentScene();
      scene.town.intercept = () => new Response('{}', { status });
      const pulled = scene.puller.pull();
      await scene.clock.advance(ALL_TRIES_MS);
      expect(await pulled).toEqual({ kind: 'failed', reason: `status ${status}` });
      expect(scene.town.count('/token')).toBe(PULL_TRIES);
    },
  );

  it('W-11: an answer that got lost costs one more try', async () => {
    const scene = new AgentScene();
    let lost = 0;
    scene.town.intercept = ({ path }) => {
      if (lost > 0 || !path.endsWith('/token')) return undefined;
      lost += 1;
      scene.town.mint(scene.agent);
      return Promise.reject(new TypeError('fetch failed'));
    };
    const pulled = scene.puller.pull();
    await scene.clock.advance(ALL_TRIES_MS);
    expect(await pulled).toEqual({ kind: 'fresh' });
    expect(scene.cell.token?.gen).toBe(3);
  });

  it('waits as long as Retry-After says, unless that is past the 10 s', async () => {
    const scene = new AgentScene();
    scene.town.intercept = () => problemAnswer('limit_exceeded', { 'retry-after': '4' });
    const pulled = scene.puller.pull();
    await scene.clock.advance(3_999);
    expect(scene.town.count('/token')).toBe(1);
    await scene.clock.advance(6_000);
    expect(await pulled).toEqual({ kind: 'failed', reason: 'status 429' });
    expect(scene.town.count('/token')).toBe(3);
    scene.town.intercept = () => problemAnswer('limit_exceeded', { 'retry-after': '60' });
    expect(await scene.puller.pull()).toEqual({ kind: 'failed', reason: 'status 429' });
  });

  it('does not ask again with a secret that was refused', async () => {
    const scene = new AgentScene();
    scene.town.intercept = () => problemAnswer('invalid_token');
    expect(await scene.puller.pull()).toEqual({ kind: 'failed', reason: 'status 401' });
    expect(scene.town.count('/token')).toBe(1);
  });

  it('W-12: hands a terminal code on', async () => {
    const scene = new AgentScene();
    scene.town.intercept = () => problemAnswer('agent_retired');
    expect(await scene.puller.pull()).toEqual({ kind: 'over', code: 'agent_retired' });
  });

  it('W-06: without a session there is no request, no throw and no timer', async () => {
    const scene = new AgentScene();
    scene.hasSession = false;
    expect(await scene.puller.pull()).toEqual({ kind: 'unavailable' });
    expect(scene.town.requests).toEqual([]);
    expect(scene.clock.pending).toBe(0);
  });
});

describe('the log', () => {
  const said = ({ log }: AgentScene) =>
    log.lines.filter(({ event }) => event.startsWith('pull_')).map(({ event, fields }) => ({ event, ...fields }));

  it('W-12: tells of failures for one reason ever more rarely, of another reason at once, and of their end once', async () => {
    const scene = new AgentScene();
    const about = { agent: scene.agent, inc: 1 };
    const fail = async (code: 'not_found' | 'insufficient_scope', times: number) => {
      scene.town.intercept = () => problemAnswer(code);
      for (let pulls = 0; pulls < times; pulls += 1) await scene.puller.pull();
    };
    await scene.puller.pull();
    await fail('not_found', 9);
    await fail('insufficient_scope', 1);
    scene.town.intercept = () => undefined;
    await scene.puller.pull();
    await scene.puller.pull();
    await fail('not_found', 1);
    expect(said(scene)).toEqual([
      ...[1, 2, 3].map((failures) => ({ event: 'pull_failed', ...about, failures, reason: 'status 404' })),
      { event: 'pull_failed', ...about, failures: 1, reason: 'status 403' },
      { event: 'pull_succeeded', ...about },
      { event: 'pull_failed', ...about, failures: 1, reason: 'status 404' },
    ]);
  });
});

describe('what is no token for this agent', () => {
  const wrong: Record<string, (issued: IssuedToken) => unknown> = {
    'no token': ({ token: _token, ...rest }) => rest,
    'no expiry': ({ expires_at: _expires, ...rest }) => rest,
    'an expiry that is past': (issued) => ({ ...issued, expires_at: issued.issued_at }),
    'another agent': (issued) => ({ ...issued, agent: agentId(9) }),
    'a generation that is held already': (issued) => ({ ...issued, gen: 1 }),
    'another incarnation': (issued) => ({ ...issued, inc: 2 }),
    'no JSON': () => undefined,
    'a page for people': () => '<html>',
  };
  for (const [what, change] of Object.entries(wrong)) {
    it(`W-16: an answer with ${what} is a failure that may pass; nothing is stored`, async () => {
      const scene = new AgentScene();
      scene.town.intercept = () => new Response(JSON.stringify(change(scene.town.mint(scene.agent))));
      const pulled = scene.puller.pull();
      await scene.clock.advance(ALL_TRIES_MS);
      expect(await pulled).toMatchObject({ kind: 'failed' });
      expect(scene.town.count('/token')).toBe(PULL_TRIES);
      expect(scene.cell.token?.text.reveal()).toBe(scene.first.token);
      expect(scene.log.text()).not.toContain('token-of');
    });
  }
});

describe('races', () => {
  it('a push that was faster than the pull wins', async () => {
    const scene = new AgentScene();
    scene.town.intercept = ({ path }) => {
      if (!path.endsWith('/token')) return undefined;
      const slow = scene.town.mint(scene.agent);
      scene.entry.swap(scene.town.mint(scene.agent));
      return Response.json(slow);
    };
    expect(await scene.puller.pull()).toEqual({ kind: 'fresh' });
    expect(scene.cell.token?.gen).toBe(3);
  });

  it('a push of the same generation that was there first is kept, and the pull has failed', async () => {
    const scene = new AgentScene();
    scene.town.intercept = () => {
      const pushed = scene.town.mint(scene.agent);
      scene.entry.swap(pushed);
      return Response.json({ ...pushed, jti: 'jti-of-another-token', token: 'another-token' });
    };
    expect(await scene.puller.pull()).toEqual({ kind: 'failed', reason: 'conflict' });
    expect(scene.cell.token?.text.reveal()).toBe(`token-of-${scene.agent}-2`);
  });

  it('W-17: an answer that lands after the teardown is dropped, and no timer is left', async () => {
    const scene = new AgentScene();
    const late = Promise.withResolvers<Response>();
    scene.town.intercept = () => late.promise;
    const pulled = scene.puller.pull();
    await scene.clock.advance(1_000);
    scene.teardown();
    expect(await pulled).toEqual({ kind: 'failed', reason: 'ended' });
    expect(scene.clock.pending).toBe(0);
    late.resolve(Response.json(scene.town.mint(scene.agent)));
    await scene.clock.advance(0);
    expect(scene.cell.token).toBeNull();
  });
});
