/** What the town refuses, and for how long an agent goes on trying. */
import { describe, expect, it } from 'vitest';
import { TERMINAL_CODES, type ProblemCode } from '#protocol';
import { AgentScene, SECONDS } from '../support/agent-scene.ts';
import { TestControlServer, message } from '../support/control-server.ts';
import { problemAnswer } from '../support/fake-town-api.ts';

const MINUTE = 60 * SECONDS;

/** A problem document under any status and with any code, known or not. */
function problemOf(status: number, code: string): Response {
  const headers = { 'content-type': 'application/problem+json' };
  return new Response(JSON.stringify({ type: 'about:blank', title: 'x', status, code }), { status, headers });
}

/** A control server with an agent that works for an hour; the first minute has passed in good weather. */
async function working() {
  const scene = await TestControlServer.withAgent();
  await scene.control.deliver(scene.session, scene.issued, message(1, 'work 3600'));
  await scene.control.clock.advance(MINUTE + SECONDS);
  return scene;
}

/** When requests to paths that end like this were sent, in ms since the last call. */
function timesOf(
  control: TestControlServer,
  ending: string,
  answer: () => Response | Promise<Response>,
): () => number[] {
  const times: number[] = [];
  const startMs = control.clock.nowMs();
  control.town.intercept = ({ path }) => {
    if (path.endsWith(ending)) times.push(control.clock.nowMs() - startMs);
    return answer();
  };
  return () => times;
}

const gapsOf = (times: readonly number[]): number[] => times.slice(1).map((time, at) => time - (times[at] ?? 0));

describe('W-12: "this identity is over"', () => {
  for (const code of TERMINAL_CODES) {
    it(`W-12: ${code} stops heartbeat and reporter for good, and is said once`, async () => {
      const { control } = await working();
      control.town.intercept = () => problemAnswer(code);
      await control.clock.advance(2 * SECONDS);
      const sent = control.town.requests.length;
      await control.clock.advance(120 * MINUTE);
      expect(control.town.requests).toHaveLength(sent);
      expect(
        control.log.lines.filter(({ event }) => event === 'agent_over').map(({ fields }) => fields['code']),
      ).toEqual([code]);
      // The turn that it was in comes to its end, unreported, and that is the last of it.
      expect(control.log.lines.slice(-2).map(({ event }) => event)).toEqual(['agent_over', 'turn_finished']);
      expect(control.clock.pending).toBe(0);
    });
  }

  it('W-12: ends only that agent; a new incarnation begins anew', async () => {
    const { control, session, agent, issued } = await working();
    control.town.refuse(issued, 'incarnation_superseded');
    await control.clock.advance(MINUTE);
    const next = control.town.mint(agent, 2);
    await control.start(session, next);
    await control.deliver(session, next, message(2, 'hello'));
    await control.clock.advance(SECONDS);
    expect(control.town.beats.at(-1)).toMatchObject({ agent, gen: 2 });
    expect(await control.running(session)).toMatchObject([{ inc: 2, messages: [{ state: 'done' }] }]);
  });
});

describe('W-12: what passes', () => {
  const weathers: Record<string, () => Response | Promise<Response>> = {
    'a network that fails': () => Promise.reject(new TypeError('fetch failed')),
    'a network that is silent': () => new Promise(() => {}),
    ...Object.fromEntries(
      [408, 425, 429, 500, 502, 503, 504].map((status) => [`${status}`, () => problemOf(status, 'some_code')]),
    ),
    'a page of a proxy': () => new Response('<html>maintenance</html>', { status: 503 }),
  };
  for (const [what, answer] of Object.entries(weathers)) {
    it(`W-12: ${what} keeps it trying, with backoff to 30 s; afterwards nothing is missing`, async () => {
      const { control, session } = await working();
      const before = control.town.events.length;
      const times = timesOf(control, '/events', answer);
      await control.clock.advance(20 * MINUTE);
      const gaps = gapsOf(times());
      // Full jitter stands at its lower half here: the wait grows to 15 s, and a silent request adds its own 10 s.
      expect(gaps.at(-1)).toBeGreaterThanOrEqual(15 * SECONDS);
      expect(Math.max(...gaps)).toBeLessThanOrEqual(40 * SECONDS);
      expect(gaps.slice(0, 6)).toEqual(gaps.slice(0, 6).toSorted((one, other) => one - other));
      expect(control.log.levels('agent_over')).toEqual([]);
      expect(control.town.refused).toEqual([]);
      control.town.intercept = () => undefined;
      await control.clock.advance(2 * MINUTE);
      expect(control.town.events.length).toBeGreaterThan(before + 1000);
      expect(control.town.beats.at(-1)?.gen).toBe(1);
      expect(await control.running(session)).toMatchObject([{ gen: 1, messages: [{ state: 'working' }] }]);
    });
  }
});

describe('W-13: the body’s code decides, not the status', () => {
  for (const status of [400, 401, 403, 404, 409, 410, 429, 500, 503]) {
    it(`W-13: a terminal code ends the client under ${status} too, and so does it in a pull`, async () => {
      for (const where of ['/heartbeat', '/token']) {
        const scene = new AgentScene();
        scene.town.intercept = ({ path }) =>
          path.endsWith(where) ? problemOf(status, 'agent_stopped') : problemAnswer('invalid_token');
        expect(await scene.beat()).toEqual({ kind: 'over', code: 'agent_stopped' });
        expect(scene.client.isOver).toBe(true);
      }
    });
  }

  const unknown: Record<string, () => Response> = {
    'without a body': () => new Response(null, { status: 401 }),
    'with a page': () => new Response('<html>agent_retired</html>', { status: 401 }),
    'with an error of OAuth': () => Response.json({ error: 'invalid_grant' }, { status: 401 }),
    'with a code of the future': () => problemOf(401, 'agent_dissolved'),
    'with invalid_token': () => problemAnswer('invalid_token'),
  };
  for (const [what, answer] of Object.entries(unknown)) {
    it(`W-13: a 401 ${what} is of unknown kind: tried 5 times in a row, then once a minute, until one succeeds`, async () => {
      const scene = new AgentScene();
      scene.town.intercept = answer;
      for (let tries = 1; tries <= 5; tries += 1) expect((await scene.beat()).kind).toBe('refused');
      expect((await scene.beat()).kind).toBe('paused');
      for (let minutes = 1; minutes <= 3; minutes += 1) {
        await scene.clock.advance(MINUTE);
        expect([(await scene.beat()).kind, (await scene.beat()).kind]).toEqual(['refused', 'paused']);
      }
      scene.town.intercept = () => undefined;
      await scene.clock.advance(MINUTE);
      expect([(await scene.beat()).kind, (await scene.beat()).kind]).toEqual(['ok', 'ok']);
    });
  }

  it('W-13: all that calls as the agent shares its pause: one call a minute, of at most two requests', async () => {
    const { control } = await working();
    const calls = (): number => control.town.count('/heartbeat') + control.town.count('/events');
    control.town.intercept = ({ path }) => (path.endsWith('/token') ? undefined : problemAnswer('invalid_token'));
    await control.clock.advance(5 * MINUTE);
    const before = calls();
    await control.clock.advance(30 * MINUTE);
    expect(calls() - before).toBeLessThanOrEqual(60);
    expect(calls() - before).toBeGreaterThanOrEqual(50);
    control.town.intercept = () => undefined;
    await control.clock.advance(2 * MINUTE);
    const beats = control.town.beats.length;
    await control.clock.advance(5 * MINUTE);
    expect(control.town.beats.length - beats).toBe(10);
  });
});

describe('W-14: 403', () => {
  for (const code of ['insufficient_scope', 'not_found', 'a_future_code']) {
    it(`W-14: never refreshes, whatever its code (${code}) and however often it comes`, async () => {
      const { control, session } = await working();
      control.town.intercept = () => problemOf(403, code);
      await control.clock.advance(60 * MINUTE);
      expect(control.town.count('/token')).toBe(0);
      expect(control.log.levels('agent_over')).toEqual([]);
      expect(await control.running(session)).toMatchObject([{ gen: 1 }]);
    });
  }

  it('W-14: is not sent a second time, and does not count towards the pause', async () => {
    const scene = new AgentScene();
    scene.town.intercept = () => problemAnswer('insufficient_scope');
    for (let calls = 1; calls <= 20; calls += 1) expect(await scene.beat()).toMatchObject({ status: 403 });
    expect(scene.town.requests).toHaveLength(20);
  });

  it('W-14: as the answer to a pull is not asked for again', async () => {
    const scene = new AgentScene();
    scene.town.intercept = ({ path }) =>
      problemAnswer(path.endsWith('/token') ? 'insufficient_scope' : 'invalid_token');
    expect(await scene.beat()).toMatchObject({ kind: 'refused', status: 401 });
    expect(scene.town.count('/token')).toBe(1);
  });
});

describe('W-26: the count of consecutive 401', () => {
  it('W-26: stays through every mint, pulled or pushed, and falls by one authenticated success', async () => {
    const scene = new AgentScene();
    const refuseCalls = ({ path }: { path: string }): Response | undefined =>
      path.endsWith('/token') ? undefined : problemAnswer('invalid_token');
    scene.town.intercept = refuseCalls;
    for (let calls = 1; calls <= 5; calls += 1) {
      expect((await scene.beat()).kind).toBe('refused');
      scene.entry.swap(scene.town.mint(scene.agent));
    }
    expect(scene.cell.token?.gen).toBe(11);
    expect((await scene.beat()).kind).toBe('paused');
    await scene.client.pull();
    expect((await scene.beat()).kind).toBe('paused');
    scene.town.intercept = () => undefined;
    await scene.clock.advance(MINUTE);
    expect((await scene.beat()).kind).toBe('ok');
    scene.town.intercept = refuseCalls;
    for (let calls = 1; calls <= 5; calls += 1) expect((await scene.beat()).kind).toBe('refused');
    expect((await scene.beat()).kind).toBe('paused');
  });

  for (const [what, status] of Object.entries({ 'a 403': 403, 'a 404': 404, 'a 500': 500, 'a 429': 429 })) {
    it(`W-26: does not fall by ${what} in between, nor grow`, async () => {
      const scene = new AgentScene();
      for (let calls = 1; calls <= 9; calls += 1) {
        scene.town.intercept = ({ path }) =>
          path.endsWith('/token') ? undefined : problemOf(calls % 2 === 0 ? status : 401, 'some_code');
        expect((await scene.beat()).kind).toBe('refused');
      }
      expect((await scene.beat()).kind).toBe('paused');
    });
  }
});

describe('M-17: refused heartbeats', () => {
  const levelsAfter = async (beats: number, codes: readonly ProblemCode[]): Promise<unknown[]> => {
    const { control } = await working();
    let nth = 0;
    control.town.intercept = ({ path }) => {
      if (!path.endsWith('/heartbeat')) return undefined;
      nth += 1;
      return problemAnswer(codes[(nth - 1) % codes.length] ?? 'internal');
    };
    await control.clock.advance(beats * 30 * SECONDS);
    const lines = control.log.lines.filter(({ event }) => event === 'heartbeat_refused');
    for (const { level, fields } of lines) {
      expect(level === 'error').toBe(typeof fields['advice'] === 'string' && fields['advice'].length > 20);
      expect(fields['status']).toBe(403);
    }
    return lines.map(({ level, fields }) => [level, fields['refusals']]);
  };

  it('M-17: warn at 1 and 2, error with advice at 3, then at each 20th', async () => {
    expect(await levelsAfter(65, ['insufficient_scope'])).toEqual([
      ['warn', 1],
      ['warn', 2],
      ['error', 3],
      ['error', 20],
      ['error', 40],
      ['error', 60],
    ]);
  });

  it('M-17: 429 and 5xx in between neither count nor begin the count anew', async () => {
    expect(
      await levelsAfter(24, ['insufficient_scope', 'limit_exceeded', 'internal', 'unavailable', 'misconfigured']),
    ).toEqual([
      ['warn', 1],
      ['warn', 2],
      ['error', 3],
    ]);
  });

  it('M-17: 429 and 5xx alone are losses, logged as warnings: 1 to 3, then each 10th', async () => {
    const { control } = await working();
    const answers: ProblemCode[] = ['limit_exceeded', 'internal', 'unavailable'];
    let nth = 0;
    control.town.intercept = () => problemAnswer(answers[nth++ % answers.length] ?? 'internal');
    await control.clock.advance(25 * 30 * SECONDS);
    const lost = control.log.lines.filter(({ event }) => event === 'heartbeat_lost');
    expect(lost.map(({ level, fields }) => [level, fields['losses']])).toEqual(
      [1, 2, 3, 10, 20].map((losses) => ['warn', losses]),
    );
    expect(control.log.levels('heartbeat_refused')).toEqual([]);
  });

  it('M-17: refused events count like refused heartbeats; the error comes though the pause lets one call a minute out', async () => {
    const { control } = await working();
    control.town.intercept = ({ path }) => (path.endsWith('/token') ? undefined : problemAnswer('invalid_token'));
    await control.clock.advance(30 * MINUTE);
    const lines = control.log.lines.filter(({ event }) => event === 'events_refused');
    expect(lines.map(({ level, fields }) => [level, fields['refusals']])).toEqual([
      ['warn', 1],
      ['warn', 2],
      ['error', 3],
      ['error', 20],
    ]);
    expect(lines[2]?.fields['status']).toBe(401);
    expect(lines[2]?.fields['advice']).toMatch(/refresh/);
    expect(control.log.levels('events_not_reported')).toEqual([]);
  });

  it('M-17: a success begins the count anew', async () => {
    const { control } = await working();
    for (let round = 1; round <= 2; round += 1) {
      control.town.intercept = () => problemAnswer('insufficient_scope');
      await control.clock.advance(2 * 30 * SECONDS);
      control.town.intercept = () => undefined;
      await control.clock.advance(30 * SECONDS);
    }
    expect(control.log.levels('heartbeat_refused')).toEqual(['warn', 'warn', 'warn', 'warn']);
  });
});
