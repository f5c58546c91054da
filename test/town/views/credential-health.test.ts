import { describe, expect, it } from 'vitest';
import { lab } from '../support/lab.ts';
import { TestTown, api } from '../support/town.ts';
import { subjectOf } from '../support/claims.ts';
import { lastTokenOf } from '../support/tokens.ts';
import type { SweepReport } from '../../../src/town/state/sweep-store.ts';

const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };

describe('the health of a credential', () => {
  it('K-05: force bypasses the throttle and reports what the container did, agent by agent', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    const first = await town.api<SweepReport>('POST', '/agents/ada/refresh', {});
    const second = await town.api<SweepReport>('POST', '/agents/ada/refresh', {});
    expect(first.body).toEqual({
      due: 1,
      ok: 1,
      failed: 0,
      skipped: 0,
      results: [{ agent: ada.id, outcome: 'applied', generation: 2 }],
    });
    expect(second.body.results).toEqual([{ agent: ada.id, outcome: 'applied', generation: 3 }]);
  });

  it('A-14: a refresh that failed is reported as failed, and the others as done', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    const bob = await town.agent('bob');
    town.container().after = (request, answer) => {
      if (request.path !== '/agents/refresh-tokens') return answer;
      const { results } = JSON.parse(answer.body) as { results: { agent: string; outcome: string }[] };
      const changed = results.map((result) => (result.agent === bob.id ? { ...result, outcome: 'conflict' } : result));
      return { ...answer, body: JSON.stringify({ results: changed }) };
    };
    const { status, body } = await town.api<SweepReport>('POST', '/refresh', {});
    expect(status).toBe(200);
    expect(body).toMatchObject({ due: 2, ok: 1, failed: 1, skipped: 0 });
    expect(body.results.find(({ agent }) => agent === ada.id)?.outcome).toBe('applied');
    expect(body.results.find(({ agent }) => agent === bob.id)?.outcome).toBe('conflict');
    expect((await town.read('bob')).credential).toMatchObject({ last_outcome: 'conflict', acked: 1 });
  });

  it('K-09: generations, expiry, last outcome and next due are readable per agent', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.work('ada');
    const { credential } = await town.read('ada');
    expect(credential).toMatchObject({ minted: 2, acked: 2, in_use: 2, reason: 'delivery', last_outcome: 'applied' });
    expect(Date.parse(credential.expires_at ?? '') - Date.parse(credential.issued_at ?? '')).toBe(10_800_000);
    expect(Date.parse(credential.next_due_at ?? '')).toBeGreaterThan(lab.clock.now());
    expect(credential.lagging).toBeNull();
  });

  it('K-11: in_use follows the calls, and a client that keeps an old generation shows as lagging', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.work('ada');
    const stale = lastTokenOf(ada);
    await town.api('POST', '/agents/ada/refresh', {});
    expect((await town.read('ada')).credential).toMatchObject({ acked: 3, in_use: 2, lagging: null });
    const early = await api('POST', '/v1/agent/heartbeat', HEARTBEAT, stale);
    expect(early.status).toBe(200);
    expect((await town.read('ada')).credential.lagging).toBeNull();
    lab.clock.advance(61_000);
    await expect.poll(async () => (await town.read('ada')).credential.in_use).toBe(3);
    await api('POST', '/v1/agent/heartbeat', HEARTBEAT, stale);
    const { lagging } = (await town.read('ada')).credential;
    expect(lagging).toEqual({ generation: 2, at: new Date(lab.clock.now()).toISOString() });
  });

  it('with revoke_older, what was out before is refused from the moment the new token is acked', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.work('ada');
    const old = lastTokenOf(ada);
    await town.api('POST', '/agents/ada/refresh', { revoke_older: true });
    const refused = await api<{ code: string }>('POST', '/v1/agent/heartbeat', HEARTBEAT, old);
    expect([refused.status, refused.body.code]).toEqual([401, 'invalid_token']);
    lab.clock.advance(31_000);
    await expect.poll(async () => (await town.read('ada')).credential.in_use).toBe(3);
  });

  it('K-02, M-14: refreshing one agent changes nothing that another sends, and no token speaks as another agent', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    const bob = await town.agent('bob');
    await town.work('ada');
    await town.work('bob');
    const adasToken = lastTokenOf(ada);
    const bobsToken = lastTokenOf(bob);
    await town.api('POST', '/agents/ada/refresh', {});
    const seen = lab.agentCalls.length;
    lab.clock.advance(31_000);
    const beatsSince = () => lab.agentCalls.slice(seen).filter(({ path }) => path === '/v1/agent/heartbeat');
    await expect.poll(() => beatsSince().length).toBe(2);
    const beats = beatsSince();
    expect(beats.every(({ status }) => status === 200)).toBe(true);
    expect(beats.filter(({ bearer }) => bearer === bobsToken)).toHaveLength(1);
    expect(beats.filter(({ bearer }) => bearer === adasToken)).toHaveLength(0);
    expect(subjectOf(bobsToken)).toContain(bob.id);
    expect(beats.map(({ bearer }) => subjectOf(bearer)).sort()).toEqual(
      [ada, bob].map(({ id }) => `spiffe://reeve.test/town/${town.id}/agent/${id}`).sort(),
    );
    const agents = await Promise.all([town.read('ada'), town.read('bob')]);
    expect(agents.map((agent) => agent.credential.in_use)).toEqual([3, 2]);
  });

  it("M-14: an agent's report of another agent's message changes nothing", async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.agent('bob');
    await town.work('ada');
    const adasToken = lastTokenOf(ada);
    const { id } = await town.work('bob');
    const result = { state: 'done', reply: 'forged', truncated: false };
    const at = new Date(lab.clock.now()).toISOString();
    const events = [{ type: 'turn.finished', message: id, attempt: 1, at, result }];
    const { status } = await api('POST', '/v1/agent/events', { counter: 999, events }, adasToken);
    expect(status).toBe(200);
    expect((await town.message('bob', id)).state).toBe('working');
  });
});
