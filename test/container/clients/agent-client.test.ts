import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { TERMINAL_CODES, PULL_TIMEOUT_MS } from '#protocol';
import { AgentScene, SECONDS, AgentContext } from '../support/agent-scene.ts';
import { hang, problemAnswer } from '../support/fake-town-api.ts';
import { agentId } from '../../support/ids.ts';

const MINUTE = 60 * SECONDS;
const tokenOf = (gen: number, seed = 1): string => `token-of-${agentId(seed)}-${gen}`;

describe('before a call', () => {
  it('W-03: fresh and outside the window, no token is asked for', async () => {
    const scene = new AgentScene();
    await scene.clock.advance((10_800 - 300) * SECONDS);
    expect((await scene.beat()).kind).toBe('ok');
    expect(scene.town.paths()).toEqual(['/v1/agent/heartbeat']);
  });

  it('W-04: inside the window exactly one refresh, and token, generation and expiry change together', async () => {
    const scene = new AgentScene();
    await scene.clock.advance((10_800 - 300) * SECONDS + 1);
    await Promise.all([scene.beat(), scene.beat(), scene.beat()]);
    expect(scene.town.count('/token')).toBe(1);
    expect(scene.bearers('/heartbeat')).toEqual([tokenOf(2), tokenOf(2), tokenOf(2)]);
    expect(scene.cell.token).toMatchObject({ gen: 2, expiresAtMs: scene.clock.nowMs() + 10_800 * SECONDS });
  });

  it('W-05: an expired token is refreshed before the first call', async () => {
    const scene = new AgentScene(new AgentContext(), 1, 60);
    await scene.clock.advance(61 * SECONDS);
    expect((await scene.beat()).kind).toBe('ok');
    expect(scene.bearers('/heartbeat')).toEqual([tokenOf(2)]);
  });

  it('W-06: without a session, what is there is sent', async () => {
    const scene = new AgentScene(new AgentContext(), 1, 60);
    scene.hasSession = false;
    await scene.clock.advance(55 * SECONDS);
    expect((await scene.beat()).kind).toBe('ok');
    expect(scene.town.paths()).toEqual(['/v1/agent/heartbeat']);
  });

  it('W-15: where the refresh fails the last good token stays and is sent', async () => {
    const scene = new AgentScene(new AgentContext(), 1, 60);
    scene.town.intercept = ({ path }) => (path.endsWith('/token') ? problemAnswer('not_found') : undefined);
    await scene.clock.advance(55 * SECONDS);
    expect((await scene.beat()).kind).toBe('ok');
    expect(scene.bearers('/heartbeat')).toEqual([tokenOf(1)]);
  });

  it('after a refresh that failed, calls go out without another for 15 s', async () => {
    const scene = new AgentScene(new AgentContext(), 1, 600);
    scene.town.intercept = ({ path }) => (path.endsWith('/token') ? problemAnswer('not_found') : undefined);
    await scene.clock.advance(550 * SECONDS);
    for (let calls = 0; calls < 5; calls += 1) await scene.beat();
    expect(scene.town.count('/token')).toBe(1);
    await scene.clock.advance(15 * SECONDS);
    await scene.beat();
    expect(scene.town.count('/token')).toBe(2);
  });
});

describe('a call that is answered 401', () => {
  it('M-06: 401, then 200: pulls, sends again with the new token, succeeds', async () => {
    const scene = new AgentScene();
    scene.town.refuse(scene.first);
    expect((await scene.beat()).kind).toBe('ok');
    expect(scene.bearers('/heartbeat')).toEqual([tokenOf(1), tokenOf(2)]);
    expect(scene.town.count('/token')).toBe(1);
  });

  it('M-01, M-03: re-reads the cell first; a token that changed meanwhile is sent without a pull', async () => {
    const scene = new AgentScene();
    scene.town.intercept = ({ bearer }) => {
      if (bearer !== tokenOf(1)) return undefined;
      scene.entry.swap(scene.town.mint(scene.agent));
      return problemAnswer('invalid_token');
    };
    expect((await scene.beat()).kind).toBe('ok');
    expect(scene.bearers('/heartbeat')).toEqual([tokenOf(1), tokenOf(2)]);
    expect(scene.town.count('/token')).toBe(0);
  });

  it('M-02, M-04: never sends a third time, and the last answer counts', async () => {
    const scene = new AgentScene();
    scene.town.intercept = ({ path }) => (path.endsWith('/heartbeat') ? problemAnswer('invalid_token') : undefined);
    expect(await scene.beat()).toMatchObject({ kind: 'refused', status: 401 });
    expect(scene.town.count('/heartbeat')).toBe(2);
    expect(scene.town.count('/token')).toBe(1);
  });

  it('M-04: a second answer other than 2xx is a failure', async () => {
    const scene = new AgentScene();
    scene.town.intercept = ({ bearer, path }) =>
      path.endsWith('/heartbeat') ? problemAnswer(bearer === tokenOf(1) ? 'invalid_token' : 'internal') : undefined;
    expect(await scene.beat()).toMatchObject({ kind: 'refused', status: 500 });
  });

  it('M-03: sends no second time where the pull brought nothing', async () => {
    const scene = new AgentScene();
    scene.town.intercept = ({ path }) => problemAnswer(path.endsWith('/token') ? 'not_found' : 'invalid_token');
    expect(await scene.beat()).toMatchObject({ kind: 'refused', status: 401 });
    expect(scene.town.paths().map((path) => path.split('/').at(-1))).toEqual(['heartbeat', 'token']);
  });

  it('W-07: many calls refused together share one pull', async () => {
    const scene = new AgentScene();
    scene.town.refuse(scene.first);
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => scene.beat()));
    expect(outcomes.every(({ kind }) => kind === 'ok')).toBe(true);
    expect(scene.town.count('/token')).toBe(1);
  });

  it('W-14: 403 never refreshes', async () => {
    const scene = new AgentScene();
    scene.town.intercept = () => problemAnswer('insufficient_scope');
    expect(await scene.beat()).toMatchObject({ kind: 'refused', status: 403 });
    expect(scene.town.paths()).toEqual(['/v1/agent/heartbeat']);
  });

  it('sends the same body again', async () => {
    const scene = new AgentScene();
    scene.town.refuse(scene.first);
    await scene.beat();
    const bodies = scene.town.requests.filter(({ path }) => path.endsWith('/heartbeat')).map(({ body }) => body);
    expect(new Set(bodies).size).toBe(1);
  });
});

describe('identities', () => {
  it('K-02, M-14: refreshing A changes nothing that B sends', async () => {
    const context = new AgentContext();
    const [a, b] = [new AgentScene(context, 1), new AgentScene(context, 2)];
    await b.beat();
    a.town.refuse(a.first);
    await Promise.all([a.beat(), b.beat(), a.puller.pull()]);
    await b.beat();
    const gens = context.town.beats.map(({ agent, gen }) => [agent, gen]);
    expect(gens.filter(([agent]) => agent === b.agent)).toEqual([
      [b.agent, 1],
      [b.agent, 1],
      [b.agent, 1],
    ]);
    expect(gens.filter(([agent]) => agent === a.agent)).toEqual([[a.agent, 2]]);
  });

  it('A-11: all clients of one agent read one cell, at the moment of sending', async () => {
    const scene = new AgentScene();
    const paths = ['/v1/agent/heartbeat', '/v1/agent/peers', '/v1/agent/mail'];
    scene.town.intercept = () => Response.json({});
    for (const path of paths) {
      scene.entry.swap(scene.town.mint(scene.agent));
      await scene.client.call({ method: 'GET', path, body: null, answer: z.object({}), timeoutMs: SECONDS });
    }
    expect(scene.town.requests.map(({ bearer }) => bearer)).toEqual([tokenOf(2), tokenOf(3), tokenOf(4)]);
    expect(scene.client.lastGeneration).toBe(4);
  });
});

describe('the end of a client', () => {
  for (const code of TERMINAL_CODES) {
    it(`W-12: ${code} ends it; it says so once and sends nothing more`, async () => {
      const scene = new AgentScene();
      scene.town.refuse(scene.first, code);
      expect(await scene.beat()).toEqual({ kind: 'over', code });
      expect(await scene.beat()).toEqual({ kind: 'over', code });
      expect(scene.town.paths()).toEqual(['/v1/agent/heartbeat']);
      expect(scene.log.levels('agent_over')).toEqual(['warn']);
    });
  }

  it('W-12: a terminal code from the pull ends it too, and nothing is sent a second time', async () => {
    const scene = new AgentScene();
    scene.town.intercept = ({ path }) => problemAnswer(path.endsWith('/token') ? 'agent_revoked' : 'invalid_token');
    expect(await scene.beat()).toEqual({ kind: 'over', code: 'agent_revoked' });
    expect(scene.town.count('/heartbeat')).toBe(1);
    expect(scene.client.isOver).toBe(true);
  });

  it('W-12: a terminal code from the refresh ahead of a call ends it before anything is sent', async () => {
    const scene = new AgentScene(new AgentContext(), 1, 60);
    scene.town.intercept = ({ path }) => (path.endsWith('/token') ? problemAnswer('agent_revoked') : undefined);
    await scene.clock.advance(55 * SECONDS);
    expect(await scene.beat()).toEqual({ kind: 'over', code: 'agent_revoked' });
    expect(scene.town.count('/heartbeat')).toBe(0);
  });

  it('W-12: a terminal code from the pull wins over a push that arrives meanwhile', async () => {
    const scene = new AgentScene();
    scene.town.intercept = ({ path }) => {
      if (!path.endsWith('/token')) return problemAnswer('invalid_token');
      scene.entry.swap(scene.town.mint(scene.agent));
      return problemAnswer('agent_revoked');
    };
    expect(await scene.beat()).toEqual({ kind: 'over', code: 'agent_revoked' });
    expect(scene.bearers('/heartbeat')).toEqual([tokenOf(1)]);
  });

  it('W-13: the body’s code decides, not the status', async () => {
    const scene = new AgentScene();
    const body = JSON.stringify({ type: 'about:blank', title: 'x', status: 409, code: 'agent_stopped' });
    scene.town.intercept = () => new Response(body, { status: 409 });
    expect(await scene.beat()).toEqual({ kind: 'over', code: 'agent_stopped' });
  });

  it('W-17: a call in flight at the teardown ends, without a timer left behind', async () => {
    const scene = new AgentScene();
    scene.town.intercept = hang;
    const call = scene.beat();
    await scene.clock.advance(SECONDS);
    scene.teardown();
    expect(await call).toEqual({ kind: 'over', code: null });
    expect(scene.clock.pending).toBe(0);
    expect(await scene.beat()).toEqual({ kind: 'over', code: null });
  });
});

describe('failures that pass', () => {
  for (const [what, answer] of Object.entries({
    network: () => Promise.reject(new TypeError('fetch failed')),
    429: () => problemAnswer('limit_exceeded'),
    500: () => problemAnswer('internal'),
  })) {
    it(`W-12: ${what} neither ends nor pauses it, and no token is asked for`, async () => {
      const scene = new AgentScene();
      scene.town.intercept = answer;
      for (let calls = 0; calls < 10; calls += 1)
        expect(['refused', 'unreachable']).toContain((await scene.beat()).kind);
      scene.town.intercept = () => undefined;
      expect((await scene.beat()).kind).toBe('ok');
      expect(scene.town.count('/token')).toBe(0);
    });
  }

  it('a request without an answer ends at its timeout', async () => {
    const scene = new AgentScene();
    scene.town.intercept = hang;
    const call = scene.beat();
    await scene.clock.advance(10 * SECONDS);
    expect(await call).toEqual({ kind: 'unreachable', reason: 'timeout' });
  });

  it('W-13, S-24: after five 401 in a row it tries once a minute, until one succeeds', async () => {
    const scene = new AgentScene();
    scene.town.intercept = () => problemAnswer('invalid_token');
    for (let calls = 0; calls < 5; calls += 1) expect((await scene.beat()).kind).toBe('refused');
    const before = scene.town.count('/heartbeat');
    expect(await scene.beat()).toEqual({ kind: 'paused', retryAfterMs: MINUTE });
    await scene.clock.advance(MINUTE - 1);
    expect(await scene.beat()).toEqual({ kind: 'paused', retryAfterMs: 1 });
    await scene.clock.advance(1);
    expect((await Promise.all([scene.beat(), scene.beat()])).map(({ kind }) => kind)).toEqual(['refused', 'paused']);
    expect(scene.town.count('/heartbeat')).toBe(before + 1);
    scene.town.intercept = () => undefined;
    await scene.clock.advance(MINUTE);
    expect((await scene.beat()).kind).toBe('ok');
    expect((await scene.beat()).kind).toBe('ok');
  });

  it('S-24: once its token has expired, five failures of any kind pause it for a minute each, until a push', async () => {
    const scene = new AgentScene(new AgentContext(), 1, 60);
    const fail = async (calls: number) => {
      for (let call = 0; call < calls; call += 1) expect((await scene.beat()).kind).toBe('refused');
    };
    scene.town.intercept = ({ path }) => problemAnswer(path.endsWith('/token') ? 'not_found' : 'internal');
    await scene.clock.advance(60 * SECONDS - 1);
    await fail(4);
    await scene.clock.advance(1);
    await fail(1);
    expect(await scene.beat()).toEqual({ kind: 'paused', retryAfterMs: MINUTE });
    await scene.clock.advance(MINUTE);
    await fail(1);
    expect((await scene.beat()).kind).toBe('paused');
    scene.entry.swap(scene.town.mint(scene.agent));
    await fail(6);
  });

  it('W-26: the count falls by an authenticated success only, not by a mint', async () => {
    const scene = new AgentScene();
    scene.town.intercept = ({ path }) => (path.endsWith('/heartbeat') ? problemAnswer('invalid_token') : undefined);
    for (let calls = 0; calls < 5; calls += 1) await scene.beat();
    expect(scene.cell.token?.gen).toBe(6);
    scene.entry.swap(scene.town.mint(scene.agent));
    expect((await scene.beat()).kind).toBe('paused');
  });

  it('T6: a token that cannot be a header neither throws nor reaches the log', async () => {
    const scene = new AgentScene();
    const broken = { ...scene.town.mint(scene.agent), token: 'two\nlines-of-a-token' };
    scene.entry.swap(broken);
    scene.town.intercept = ({ bearer }) => Promise.resolve(new Response(null, { headers: { echo: bearer } }));
    expect((await scene.beat()).kind).toBe('unreachable');
    expect(scene.log.text()).not.toContain('lines-of-a-token');
  });

  it('counts the share of failed calls since it was last asked', async () => {
    const scene = new AgentScene();
    expect(scene.client.takeErrorRate()).toBe(0);
    await scene.beat();
    scene.town.intercept = () => problemAnswer('internal');
    for (let calls = 0; calls < 3; calls += 1) await scene.beat();
    expect(scene.client.takeErrorRate()).toBe(0.75);
    expect(scene.client.takeErrorRate()).toBe(0);
  });

  it('W-10: a hung issuer holds a call for 10 s at most', async () => {
    const scene = new AgentScene();
    scene.town.refuse(scene.first);
    scene.town.intercept = ({ path }) => (path.endsWith('/token') ? hang() : undefined);
    const call = scene.beat();
    await scene.clock.advance(PULL_TIMEOUT_MS);
    expect(await call).toMatchObject({ kind: 'refused', status: 401 });
  });
});
