/** S-24: the Worker is unreachable for longer than a token lives. */
import { describe, expect, it } from 'vitest';
import type { Spawn } from '../../../container/agents/agent-process.ts';
import { TestControlServer, message } from '../support/control-server.ts';
import { problemAnswer, type TownRequest } from '../support/fake-town-api.ts';
import { agentId } from '../../support/ids.ts';
import { aProcess } from '../support/a-process.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const gone = () => Promise.reject(new TypeError('fetch failed'));
const isTry = ({ path }: TownRequest): boolean => path.startsWith('/v1/agent/');
const isPull = ({ path }: TownRequest): boolean => path.endsWith('/token');

/** A process whose turn goes on for ever. */
const busy: Spawn = (_, life) =>
  Promise.resolve(
    aProcess({
      prompt: () => new Promise((_, reject) => life.addEventListener('abort', () => reject(new Error('stopped')))),
    }),
  );

/** Two agents in a turn, and then no town to take their reports. */
async function outage(): Promise<TestControlServer> {
  const { control, session, agent } = await TestControlServer.withAgent({ spawn: busy });
  await control.start(session, control.town.mint(agentId(2)));
  await control.deliver(session, control.town.mint(agent), message(1, 'work'));
  await control.deliver(session, control.town.mint(agentId(2)), message(2, 'work'));
  await control.clock.advance(MINUTE_MS);
  expect(control.town.beats.length).toBeGreaterThanOrEqual(4);
  control.town.intercept = gone;
  return control;
}

describe('S-24: an outage that outlasts every token', () => {
  it('S-24: once its token has expired an agent tries at most once a minute, and never ends', async () => {
    const control = await outage();
    await control.clock.advance(3 * HOUR_MS + 10 * MINUTE_MS);
    for (let minute = 0; minute < 30; minute += 1) {
      const seen = control.town.requests.length;
      await control.clock.advance(MINUTE_MS);
      const requests = control.town.requests.slice(seen);
      // Two agents, whose consumers share their tries; each is preceded by one pull, of three requests at most.
      expect(requests.filter(isTry).length, `minute ${minute}`).toBeLessThanOrEqual(2);
      expect(requests.filter(isPull).length, `minute ${minute}`).toBeLessThanOrEqual(6);
      expect(requests.length, `minute ${minute}`).toBeGreaterThan(0);
    }
    expect(control.registry.size).toBe(2);
  });

  it('S-24: when the Worker is back they recover within a minute, each with a fresh token and without a human', async () => {
    const control = await outage();
    await control.clock.advance(4 * HOUR_MS);
    control.town.intercept = () => undefined;
    const beats = control.town.beats.length;
    await control.clock.advance(MINUTE_MS + 1000);
    const late = control.town.beats.slice(beats);
    expect(new Set(late.map(({ agent }) => agent))).toEqual(new Set([agentId(1), agentId(2)]));
    expect(late.every(({ gen }) => gen > 2)).toBe(true);
    expect(control.town.refused).toEqual([]);
  });

  it('S-24: the one that was revoked meanwhile does not: it hears so once, and asks no more', async () => {
    const control = await outage();
    await control.clock.advance(4 * HOUR_MS);
    control.town.intercept = ({ path }) => (path.includes(agentId(2)) ? problemAnswer('agent_revoked') : undefined);
    await control.clock.advance(5 * MINUTE_MS);
    const asked = control.town.requests.filter(({ path }) => path.includes(agentId(2)));
    const seen = asked.length;
    await control.clock.advance(HOUR_MS);
    expect(control.town.requests.filter(({ path }) => path.includes(agentId(2)))).toHaveLength(seen);
    expect(control.log.levels('agent_over')).toEqual(['warn']);
    expect(control.town.beats.at(-1)?.agent).toBe(agentId(1));
  });
});
