import { describe, expect, it } from 'vitest';
import { Heartbeat, type WorkStatus } from '../../../container/clients/heartbeat.ts';
import { AgentScene, SECONDS } from '../support/agent-scene.ts';
import { hang, page, problemAnswer } from '../support/fake-town-api.ts';
import { messageId } from '../../support/ids.ts';

const INTERVAL_MS = 30 * SECONDS;
const IDLE: WorkStatus = { turn: null, task: null, lastProgressAtMs: null };

function beating(status: WorkStatus = IDLE): { scene: AgentScene; heartbeat: Heartbeat } {
  const scene = new AgentScene();
  const { client, life, agent } = scene;
  const { platform } = scene.context;
  return {
    scene,
    heartbeat: new Heartbeat({ platform, client, life, agent, intervalMs: INTERVAL_MS, status: () => status }),
  };
}

describe('Heartbeat', () => {
  it('beats at once and each interval while there is work, and not after', async () => {
    const { scene, heartbeat } = beating();
    await scene.clock.advance(INTERVAL_MS);
    expect(scene.town.beats).toHaveLength(0);
    heartbeat.begin();
    heartbeat.begin();
    await scene.clock.advance(2 * INTERVAL_MS);
    expect(scene.town.beats).toHaveLength(3);
    heartbeat.end();
    await scene.clock.advance(10 * INTERVAL_MS);
    expect(scene.town.beats).toHaveLength(3);
    expect(scene.clock.pending).toBe(0);
  });

  it('says what the agent is at', async () => {
    const { scene, heartbeat } = beating({
      turn: messageId(1),
      task: 'reading',
      lastProgressAtMs: Date.UTC(2027, 0, 2),
    });
    await scene.clock.advance(5 * SECONDS);
    heartbeat.begin();
    await scene.clock.advance(0);
    const last_progress_at = '2027-01-02T00:00:00.000Z';
    expect(scene.town.beats[0]?.beat).toEqual({
      turn: messageId(1),
      current_task: 'reading',
      error_rate: 0,
      uptime_seconds: 5,
      last_progress_at,
    });
  });

  it('a page in the place of an answer is a loss: it says nothing of newer tokens, and ends no row of refusals', async () => {
    const { scene, heartbeat } = beating();
    scene.town.lagging = true;
    scene.town.intercept = page;
    heartbeat.begin();
    await scene.clock.advance(INTERVAL_MS);
    expect(scene.log.lines).toMatchObject([
      { event: 'heartbeat_lost', fields: { reason: 'malformed', losses: 1 } },
      { event: 'heartbeat_lost', fields: { reason: 'malformed', losses: 2 } },
    ]);
    expect(scene.town.count('/token')).toBe(0);
  });

  it('W-18: ticks never overlap; a slow one delays the next', async () => {
    const { scene, heartbeat } = beating();
    scene.town.intercept = hang;
    heartbeat.begin();
    await scene.clock.advance(9 * SECONDS);
    heartbeat.end();
    heartbeat.begin();
    expect(scene.town.requests).toHaveLength(1);
    await scene.clock.advance(INTERVAL_MS - 9 * SECONDS - 1);
    expect(scene.town.requests).toHaveLength(1);
    await scene.clock.advance(1);
    expect(scene.town.requests).toHaveLength(2);
  });

  it('W-21: sends the new token in its next beat', async () => {
    const { scene, heartbeat } = beating();
    heartbeat.begin();
    await scene.clock.advance(0);
    scene.entry.swap(scene.town.mint(scene.agent));
    await scene.clock.advance(INTERVAL_MS);
    expect(scene.town.beats.map(({ gen }) => gen)).toEqual([1, 2]);
  });

  it('M-18: pulls where the answer says that it lags', async () => {
    const { scene, heartbeat } = beating();
    scene.town.lagging = true;
    heartbeat.begin();
    await scene.clock.advance(0);
    expect(scene.cell.token?.gen).toBe(2);
  });

  it('M-17: 401 and 403 in a row: warn at 1 and 2, error with advice at 3, then each 20th', async () => {
    const { scene, heartbeat } = beating();
    scene.town.intercept = () => problemAnswer('insufficient_scope');
    heartbeat.begin();
    await scene.clock.advance(2 * INTERVAL_MS);
    expect(scene.log.levels('heartbeat_refused')).toEqual(['warn', 'warn', 'error']);
    expect(scene.log.lines.at(-1)?.fields['advice']).toMatch(/refresh/);
    await scene.clock.advance(37 * INTERVAL_MS);
    expect(scene.log.levels('heartbeat_refused')).toEqual(['warn', 'warn', 'error', 'error', 'error']);
  });

  it('M-17: 429, 5xx and a silent network never count as refusals', async () => {
    const { scene, heartbeat } = beating();
    const answers = [
      () => problemAnswer('limit_exceeded'),
      () => problemAnswer('internal'),
      () => Promise.reject(new TypeError('x')),
    ];
    heartbeat.begin();
    for (const answer of answers) {
      scene.town.intercept = answer;
      await scene.clock.advance(2 * INTERVAL_MS);
    }
    expect(scene.log.levels('heartbeat_refused')).toEqual([]);
    expect(scene.log.levels('heartbeat_lost')).toEqual(['warn', 'warn', 'warn']);
  });

  it('W-12: a terminal code stops it', async () => {
    const { scene, heartbeat } = beating();
    scene.town.refuse(scene.first, 'incarnation_superseded');
    heartbeat.begin();
    await scene.clock.advance(10 * INTERVAL_MS);
    expect(scene.town.count('/heartbeat')).toBe(1);
    expect(scene.clock.pending).toBe(0);
  });

  it('W-17: the teardown stops it', async () => {
    const { scene, heartbeat } = beating();
    heartbeat.begin();
    await scene.clock.advance(INTERVAL_MS);
    scene.teardown();
    expect(scene.clock.pending).toBe(0);
    await scene.clock.advance(10 * INTERVAL_MS);
    expect(scene.town.count('/heartbeat')).toBe(2);
  });
});

describe('a heartbeat that is lost', () => {
  it('is logged with the status that it met, or with why nothing was met', async () => {
    const { scene, heartbeat } = beating();
    const logged = () => scene.log.lines.filter(({ event }) => event === 'heartbeat_lost').map(({ fields }) => fields);
    scene.town.intercept = () => problemAnswer('internal');
    heartbeat.begin();
    await scene.clock.advance(0);
    expect(logged()).toEqual([{ agent: scene.agent, losses: 1, status: 500 }]);
    scene.town.intercept = () => Promise.reject(new TypeError('fetch failed'));
    await scene.clock.advance(INTERVAL_MS);
    expect(logged().at(-1)).toEqual({ agent: scene.agent, losses: 2, reason: 'network' });
  });
});
