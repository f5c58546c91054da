/** Why a call was refused, and what became of each token: found by looking, long after. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { agentIdSchema, type AgentView, type CredentialView } from '../../../src/protocol/index.ts';
import { agentToken, deployedKey, strangersKey } from '../support/deployment-tokens.ts';
import { lab } from '../support/lab.ts';
import { silence } from '../support/passing.ts';
import { costOf } from '../support/statements.ts';
import { lastTokenOf } from '../support/tokens.ts';
import { TestTown, api } from '../support/town.ts';

const HOUR = 3_600_000;
const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };
const iso = (ms: number): string => new Date(ms).toISOString();
const beat = async (token: string) => (await api('POST', '/v1/agent/heartbeat', HEARTBEAT, token)).status;

const credentialOf = async (town: TestTown, agent: string): Promise<CredentialView> =>
  (await town.api<CredentialView>('GET', `/agents/${agent}/credential`)).body;

/** Whose refused calls are written down. */
const written = (town: TestTown): Promise<unknown[]> =>
  runInDurableObject(town.stub, (_, { storage }) => storage.sql.exec('SELECT agent FROM refused_calls').toArray());

async function atWork(): Promise<{ town: TestTown; ada: AgentView; token: string }> {
  const town = await TestTown.create();
  const ada = await town.agent('ada');
  await town.work('ada', 20_000);
  return { town, ada, token: lastTokenOf(ada) };
}

/** The same, where the agent says nothing by itself from then on: what is refused is what the test asks. */
async function silenced(): ReturnType<typeof atWork> {
  const scene = await atWork();
  silence(scene.ada.id);
  await scene.town.settled();
  return scene;
}

describe('what was issued to an agent', () => {
  it('is told for each token, the newest first: by which reason, when it arrived, was used, and expires', async () => {
    const { town } = await atWork();
    await town.elapse(HOUR);
    const sweptAt = lab.clock.now();
    await town.api('POST', '/agents/ada/refresh', {});
    const { items, refusals } = await credentialOf(town, 'ada');
    const { credential } = await town.read('ada');
    expect(items.map(({ generation, reason }) => [generation, reason])).toEqual([
      [4, 'force'],
      [3, 'sweep'],
      [2, 'delivery'],
      [1, 'start'],
    ]);
    // An agent that is handed a message may call with its token before the delivery is answered.
    const outcomes = items.map(({ outcome }) => outcome);
    expect([outcomes[0], outcomes[1], outcomes[3]]).toEqual(['applied', 'applied', 'applied']);
    expect(['applied', 'in_use']).toContain(outcomes[2]);
    expect(items[0]).toMatchObject({ acked_at: iso(sweptAt), expires_at: credential.expires_at, first_used_at: null });
    expect(items[2]?.first_used_at).not.toBeNull();
    expect(refusals).toEqual([]);
  });

  it('is told of a token that did not arrive, with what its push came to', async () => {
    const { town } = await atWork();
    town.container().before = () => ({ status: 500, headers: {}, body: 'broken' });
    await town.api('POST', '/agents/ada/refresh', {});
    const [last] = (await credentialOf(town, 'ada')).items;
    const { credential } = await town.read('ada');
    expect(last).toMatchObject({ acked_at: null, expires_at: null, outcome: credential.last_outcome });
    expect(last?.error).toBe(credential.last_error?.slice(0, 60));
  });

  it('is told of an agent that is retired too, and of revoked tokens since when they are refused', async () => {
    const { town, ada } = await atWork();
    const revokedAt = lab.clock.now();
    await town.api('POST', '/agents/ada/revoke');
    await town.api('POST', '/agents/ada/start');
    await town.api('DELETE', '/agents/ada');
    const { items } = await credentialOf(town, ada.id);
    const revoked = (inc: number) =>
      new Set(items.filter((one) => one.incarnation === inc).map((one) => one.revoked_at));
    expect([revoked(1), revoked(2)]).toEqual([new Set([iso(revokedAt)]), new Set([null])]);
  });
});

describe('what the calls of an agent were refused for', () => {
  it('is told by reason and generation, and outlives the object', async () => {
    const { town, ada, token } = await silenced();
    const firstAt = lab.clock.now();
    await town.api('POST', '/agents/ada/revoke');
    for (const at of [0, 1, 2]) {
      lab.clock.advance(at);
      expect(await beat(token)).toBe(401);
    }
    const calls = { at: iso(firstAt), last_at: iso(firstAt + 3), count: 3, reason: 'agent_revoked', generation: 2 };
    expect((await credentialOf(town, 'ada')).refusals).toEqual([calls]);
    lab.clock.advance(60_000);
    expect(await beat(token)).toBe(401);
    await evictDurableObject(town.stub);
    const after = { ...calls, last_at: iso(lab.clock.now()), count: 4 };
    expect((await credentialOf(town, ada.id)).refusals).toEqual([after]);
  });

  it('is that its token had expired, where the town never saw the call: at 03:12 it answered 401', async () => {
    const { town, ada, token } = await silenced();
    // No push arrives any more, and its clients keep the token that they have.
    town.container().before = () => ({ status: 503, headers: {}, body: '' });
    lab.clock.advance(3 * HOUR + 12 * 60_000);
    const refusedAt = lab.clock.now();
    expect(await beat(token)).toBe(401);
    await expect
      .poll(async () => (await credentialOf(town, 'ada')).refusals)
      .toEqual([{ at: iso(refusedAt), last_at: iso(refusedAt), count: 1, reason: 'token_expired', generation: 2 }]);
    // It bought nothing else: no sign of life, and no use.
    expect((await town.read(ada.id)).last_heard_at).not.toBe(iso(refusedAt));
    lab.clock.advance(25 * HOUR);
    expect(await beat(token)).toBe(401);
    await town.settled();
    expect((await credentialOf(town, 'ada')).refusals).toMatchObject([{ count: 1 }]);
  });

  it('costs a row a minute for each reason, however often it is repeated', async () => {
    const { town, token } = await silenced();
    await town.api('POST', '/agents/ada/revoke');
    await beat(token);
    lab.clock.advance(60_000);
    const first = await costOf(() => beat(token));
    const others = await costOf(async () => {
      for (let times = 0; times < 20; times += 1) await beat(token);
    });
    expect([first.written, others.written]).toEqual([1, 0]);
    expect((await credentialOf(town, 'ada')).refusals).toMatchObject([{ count: 22 }]);
  });

  it('is written by none but a token of that agent, signed by a key of this deployment', async () => {
    const { town, ada } = await silenced();
    const other = await TestTown.createNow();
    const bob = await other.agent('bob');
    const speaker = { town: town.id, agent: agentIdSchema.parse(ada.id), inc: 1, gen: 99 };
    const longAgo = { atMs: -5 * HOUR };
    const tokens = [
      await agentToken(speaker, { key: await strangersKey() }),
      await agentToken(speaker, { ...longAgo, key: await strangersKey() }),
      // A tainted key, or the wrong one under a good name: its signature is worth nothing.
      await agentToken(speaker, {
        ...longAgo,
        key: { ...(await strangersKey()), kid: (await deployedKey('active')).kid },
      }),
      // Of an agent of another town, which says that it is of this one.
      await agentToken({ ...speaker, agent: agentIdSchema.parse(bob.id) }),
      await agentToken({ ...speaker, agent: agentIdSchema.parse(bob.id) }, longAgo),
      'reeve_wrong',
    ];
    for (const token of tokens) expect(await beat(token)).toBe(401);
    await town.settled();
    expect([await written(town), await written(other)]).toEqual([[], []]);
    // The same with its own key: what the others lack is that.
    expect(await beat(await agentToken(speaker))).toBe(401);
    expect((await credentialOf(town, 'ada')).refusals).toMatchObject([{ reason: 'generation_ahead', generation: 99 }]);
  });
});
