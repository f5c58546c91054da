import { describe, expect, it } from 'vitest';
import type { OpenSession } from '#protocol';
import { inProcessSpawn } from '../../../container/agents/in-process-agent.ts';
import { Sessions } from '../../../container/control/sessions.ts';
import { Surroundings } from '../support/agent-scene.ts';
import { TOWN_URL } from '../support/fake-town.ts';
import { agentId, containerName, secretOf, sessionId } from '../support/ids.ts';
import { ManualClock } from '../support/manual-clock.ts';

const NOW_SECONDS = ManualClock.START_MS / 1000;

function sessionsOf(surroundings: Surroundings): Sessions {
  const { outside, registry, clock } = surroundings;
  return new Sessions({ outside, apiUrl: TOWN_URL, registry, spawn: inProcessSpawn(clock, 1) });
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

describe('Sessions', () => {
  it('holds one session per container; the same again changes nothing', () => {
    const sessions = sessionsOf(new Surroundings());
    const first = sessions.open(request(), NOW_SECONDS);
    expect(first.outcome).toBe('opened');
    const again = sessions.open(request({ epoch: 99, secret: secretOf(9) }), NOW_SECONDS + 500);
    expect(again).toEqual({ outcome: 'current', session: first.session });
    expect(sessions.find(sessionId(1))?.epoch).toBe(10);
    expect(sessions.find(sessionId(1))?.clock.nowMs()).toBe(ManualClock.START_MS);
  });

  it('only a higher epoch replaces it', () => {
    const sessions = sessionsOf(new Surroundings());
    sessions.open(request(), NOW_SECONDS);
    expect(sessions.open(request({ session: sessionId(2), epoch: 9 }), NOW_SECONDS).outcome).toBe('stale');
    expect(sessions.open(request({ session: sessionId(2), epoch: 10 }), NOW_SECONDS).outcome).toBe('stale');
    expect(sessions.open(request({ session: sessionId(2), epoch: 11 }), NOW_SECONDS).outcome).toBe('opened');
    expect(sessions.find(sessionId(1))).toBeUndefined();
    expect(sessions.all.map(({ id }) => id)).toEqual([sessionId(2)]);
  });

  it('T6: nothing of a session that can be printed shows its secret', () => {
    const { session } = sessionsOf(new Surroundings()).open(request(), NOW_SECONDS);
    expect(JSON.stringify(session)).not.toContain('secret-');
  });

  it('the tokens of an earlier session are out of use before the newer one is answered', async () => {
    const surroundings = new Surroundings();
    const sessions = sessionsOf(surroundings);
    const { session } = sessions.open(request(), NOW_SECONDS);
    const grant = surroundings.town.mint(agentId(1));
    await session?.agents.start(agentId(1), { inc: 1, name: 'ada', role: 'worker', grant });
    expect(surroundings.registry.size).toBe(1);
    sessions.open(request({ session: sessionId(2), epoch: 11 }), NOW_SECONDS);
    expect(surroundings.registry.size).toBe(0);
    const late = { inc: 2, name: 'ada', role: 'worker', grant: surroundings.town.mint(agentId(1), 2) };
    expect(await session?.agents.start(agentId(1), late)).toBe('session_over');
    expect(surroundings.registry.size).toBe(0);
  });
});
