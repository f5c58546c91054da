import { describe, expect, it } from 'vitest';
import type { IssuedToken, OpenSession } from '#protocol';
import { inProcessSpawn } from '../../support/in-process-agent.ts';
import { Sessions } from '../../../container/control/sessions.ts';
import { AgentContext } from '../support/agent-scene.ts';
import { TOWN_URL } from '../support/fake-town-api.ts';
import { agentId, containerName, secretOf, sessionId } from '../../support/ids.ts';
import { message } from '../support/control-server.ts';
import { ManualClock } from '../support/manual-clock.ts';

const DAY_MS = 24 * 3_600_000;
const NOW_SECONDS = ManualClock.START_MS / 1000;

function sessionsOf(context: AgentContext): Sessions {
  const { platform, registry, clock } = context;
  return new Sessions({ platform, apiUrl: TOWN_URL, registry, spawn: inProcessSpawn(clock, 1) });
}

function request(changes: Partial<OpenSession> = {}): OpenSession {
  const session = sessionId(1);
  return {
    version: 1,
    container: containerName(1),
    session,
    epoch: 10,
    secret: secretOf(1),
    heartbeat_seconds: 30,
    ...changes,
  };
}

/** The start of an agent that gets this token. */
const startOf = (grant: IssuedToken) => ({
  inc: grant.inc,
  name: 'ada',
  role: 'worker',
  grant,
  runtime: null,
  earlier: [],
});

describe('Sessions', () => {
  it('holds one session per container; the same again changes nothing', () => {
    const sessions = sessionsOf(new AgentContext());
    const first = sessions.open(request(), NOW_SECONDS);
    expect(first.outcome).toBe('opened');
    const again = sessions.open(request({ epoch: 99, secret: secretOf(9) }), NOW_SECONDS + 500);
    expect(again).toEqual({ outcome: 'current', session: first.session });
    expect(sessions.find(sessionId(1))?.epoch).toBe(10);
    expect(sessions.find(sessionId(1))?.clock.nowMs()).toBe(ManualClock.START_MS);
  });

  it('only a higher epoch replaces it', () => {
    const sessions = sessionsOf(new AgentContext());
    sessions.open(request(), NOW_SECONDS);
    expect(sessions.open(request({ session: sessionId(2), epoch: 9 }), NOW_SECONDS).outcome).toBe('stale');
    expect(sessions.open(request({ session: sessionId(2), epoch: 10 }), NOW_SECONDS).outcome).toBe('stale');
    expect(sessions.open(request({ session: sessionId(2), epoch: 11 }), NOW_SECONDS).outcome).toBe('opened');
    expect(sessions.find(sessionId(1))).toBeUndefined();
    expect(sessions.all.map(({ id }) => id)).toEqual([sessionId(2)]);
  });

  it('an id that another container holds is taken: nothing changes for either', () => {
    const sessions = sessionsOf(new AgentContext());
    const { session } = sessions.open(request(), NOW_SECONDS);
    const other = request({ container: containerName(2), epoch: 99 });
    expect(sessions.open(other, NOW_SECONDS)).toEqual({ outcome: 'taken', session: null });
    expect(sessions.find(sessionId(1))).toBe(session);
    expect(sessions.open({ ...other, session: sessionId(2) }, NOW_SECONDS).outcome).toBe('opened');
  });

  it('S-23: one that was ended is gone with its agents, and only a higher epoch opens another for its container', async () => {
    const context = new AgentContext();
    const sessions = sessionsOf(context);
    const { session } = sessions.open(request(), NOW_SECONDS);
    if (session === null) throw new Error('not opened');
    const issued = context.town.mint(agentId(1));
    await session.agents.start(agentId(1), startOf(issued));
    sessions.end(session);
    expect([sessions.all, context.registry.size]).toEqual([[], 0]);
    await sessions.left();
    expect(sessions.open(request(), NOW_SECONDS).outcome).toBe('stale');
    expect(sessions.open(request({ session: sessionId(2), epoch: 11 }), NOW_SECONDS).outcome).toBe('opened');
    sessions.end(session);
    expect(sessions.all.map(({ id }) => id)).toEqual([sessionId(2)]);
  });

  it('those that were not used for a day end when another is opened, unless an agent is at work in them', async () => {
    const context = new AgentContext();
    const { clock, town } = context;
    const sessions = sessionsOf(context);
    const open = (seed: number) =>
      sessions.open(request({ container: containerName(seed), session: sessionId(seed) }), NOW_SECONDS).session;
    const [, working, used] = [1, 2, 3].map(open);
    const issued = town.mint(agentId(1));
    await working?.agents.start(agentId(1), startOf(issued));
    await clock.advance(DAY_MS - 1);
    working?.agents.deliver({ inc: 1, grant: issued, messages: [message(1, 'work 60')] });
    if (used !== undefined && used !== null) sessions.used(used);
    open(4);
    expect(sessions.all).toHaveLength(4);
    await clock.advance(1);
    open(5);
    expect(sessions.all.map(({ id }) => id)).toEqual([2, 3, 4, 5].map(sessionId));
  });

  it('holds 500: the least recently used with no agent at work makes room for one more', () => {
    const sessions = sessionsOf(new AgentContext());
    const open = (seed: number) =>
      sessions.open(request({ container: containerName(seed), session: sessionId(seed) }), NOW_SECONDS).session;
    const first = open(1);
    for (let seed = 2; seed <= 500; seed += 1) open(seed);
    if (first !== null) sessions.used(first);
    expect(sessions.all).toHaveLength(500);
    open(501);
    expect(sessions.all).toHaveLength(500);
    expect([sessions.find(sessionId(1))?.id, sessions.find(sessionId(2))]).toEqual([sessionId(1), undefined]);
    const newer = request({ container: containerName(501), session: sessionId(502), epoch: 11 });
    expect(sessions.open(newer, NOW_SECONDS).outcome).toBe('opened');
    expect([sessions.all.length, sessions.find(sessionId(3))?.id]).toEqual([500, sessionId(3)]);
  });

  it('where an agent is at work in each of 500 there is no room, and none of them ends', async () => {
    const context = new AgentContext();
    const sessions = sessionsOf(context);
    const open = (seed: number) =>
      sessions.open(request({ container: containerName(seed), session: sessionId(seed) }), NOW_SECONDS);
    for (let seed = 1; seed <= 500; seed += 1) {
      const issued = context.town.mint(agentId(seed));
      const agents = open(seed).session?.agents;
      await agents?.start(agentId(seed), startOf(issued));
      agents?.deliver({ inc: 1, grant: issued, messages: [message(1, 'work 60')] });
    }
    expect(open(501)).toEqual({ outcome: 'full', session: null });
    expect(sessions.all).toHaveLength(500);
  });

  it('T6: nothing of a session that can be printed shows its secret', () => {
    const { session } = sessionsOf(new AgentContext()).open(request(), NOW_SECONDS);
    expect(JSON.stringify(session)).not.toContain('secret-');
  });

  it('the tokens of an earlier session are out of use before the newer one is answered', async () => {
    const context = new AgentContext();
    const sessions = sessionsOf(context);
    const { session } = sessions.open(request(), NOW_SECONDS);
    const issued = context.town.mint(agentId(1));
    await session?.agents.start(agentId(1), startOf(issued));
    expect(context.registry.size).toBe(1);
    sessions.open(request({ session: sessionId(2), epoch: 11 }), NOW_SECONDS);
    expect(context.registry.size).toBe(0);
    const late = startOf(context.town.mint(agentId(1), 2));
    expect(await session?.agents.start(agentId(1), late)).toBe('session_over');
    expect(context.registry.size).toBe(0);
  });
});
