import { describe, expect, it } from 'vitest';
import { refreshAtHalfLife } from '../../../container/clients/half-life.ts';
import { AgentContext, AgentScene, SECONDS } from '../support/agent-scene.ts';
import { problemAnswer } from '../support/fake-town-api.ts';

const TTL_SECONDS = 10_800;
const HALF_MS = (TTL_SECONDS / 2) * SECONDS;

function started(ttlSeconds = TTL_SECONDS): AgentScene {
  const scene = new AgentScene(new AgentContext(), 1, ttlSeconds);
  const { context, cell, client, clock, life } = scene;
  refreshAtHalfLife({ platform: context.platform, cell, client, townNowMs: () => clock.nowMs(), life });
  return scene;
}

describe('the token of an agent whose process reads it from a file', () => {
  it('is pulled at half its life, and at half of the next one, without any call of the agent', async () => {
    const scene = started();
    await scene.clock.advance(HALF_MS - 1);
    expect(scene.town.requests).toEqual([]);
    await scene.clock.advance(1);
    expect([scene.town.count('/token'), scene.cell.token?.gen]).toEqual([1, 2]);
    await scene.clock.advance(HALF_MS - 1);
    expect(scene.town.count('/token')).toBe(1);
    await scene.clock.advance(1);
    expect([scene.town.count('/token'), scene.cell.token?.gen]).toEqual([2, 3]);
  });

  it('is pulled at half of each life also where that is less than a minute', async () => {
    const scene = started(40);
    scene.town.intercept = () => Response.json(scene.town.mint(scene.agent, 1, 40));
    await scene.clock.advance(20 * SECONDS);
    expect(scene.cell.token?.gen).toBe(2);
    await scene.clock.advance(20 * SECONDS);
    expect(scene.cell.token?.gen).toBe(3);
  });

  it('is not pulled where a push was in time', async () => {
    const scene = started();
    await scene.clock.advance(HALF_MS - SECONDS);
    scene.entry.swap(scene.town.mint(scene.agent));
    await scene.clock.advance(HALF_MS - SECONDS);
    expect(scene.town.requests).toEqual([]);
    await scene.clock.advance(SECONDS);
    expect(scene.town.count('/token')).toBe(1);
  });

  it('is pulled once a minute where a pull brings nothing', async () => {
    const scene = started();
    scene.town.intercept = () => problemAnswer('not_found');
    await scene.clock.advance(HALF_MS);
    expect(scene.town.count('/token')).toBe(1);
    await scene.clock.advance(59 * SECONDS);
    expect(scene.town.count('/token')).toBe(1);
    await scene.clock.advance(61 * SECONDS);
    expect(scene.town.count('/token')).toBe(3);
    scene.town.intercept = () => undefined;
    await scene.clock.advance(60 * SECONDS);
    expect(scene.cell.token?.gen).toBe(2);
  });

  it('is pulled several times before its end where a pull brings nothing, also where its life is short', async () => {
    const scene = started(40);
    scene.town.intercept = () => problemAnswer('not_found');
    await scene.clock.advance(20 * SECONDS);
    expect(scene.town.count('/token')).toBe(1);
    await scene.clock.advance(5 * SECONDS - 1);
    expect(scene.town.count('/token')).toBe(1);
    await scene.clock.advance(15 * SECONDS);
    expect(scene.town.count('/token')).toBe(4);
  });

  it('is pulled no more once the town says that the agent is over', async () => {
    const scene = started();
    scene.town.intercept = () => problemAnswer('agent_revoked');
    await scene.clock.advance(10 * HALF_MS);
    expect(scene.town.count('/token')).toBe(1);
    expect(scene.clock.pending).toBe(0);
  });

  it('has no timer left after the teardown', async () => {
    const scene = started();
    expect(scene.clock.pending).toBe(1);
    scene.teardown();
    expect(scene.clock.pending).toBe(0);
    await scene.clock.advance(HALF_MS);
    expect(scene.town.requests).toEqual([]);
  });
});
