import { evictDurableObject } from 'cloudflare:test';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { activated, newKey, rotated, tainted } from '../../../src/tokens/key-edit.ts';
import type { PrivateKeySet } from '../../../src/tokens/key-set.ts';
import { lab } from '../support/lab.ts';
import { lastTokenOf } from '../support/tokens.ts';
import { TestTown, api } from '../support/town.ts';
import { currentKeys, useKeys } from '../support/wiring.ts';
import type { TownHealth } from '../../../src/protocol/index.ts';

const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };
const beat = (token: string) => api<{ code?: string }>('POST', '/v1/agent/heartbeat', HEARTBEAT, token);
const kidOf = (token: string): unknown => (JSON.parse(atob(token.split('.')[0] ?? '')) as { kid: unknown }).kid;
const published = async () => (await api<{ keys: { kid: string }[] }>('GET', '/.well-known/jwks.json')).body.keys;

/** What an edit of the key set answers, or the reason why not. */
function edited<T>(result: { ok: true; value: T } | { ok: false; error: string }): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

/** A deployment with another key set: the objects are reset, the containers run on. Only what is awake can be evicted. */
async function deploy(town: TestTown, keys: Parameters<typeof useKeys>[0]): Promise<void> {
  await useKeys(keys);
  await town.api('GET', '');
  await evictDurableObject(town.stub);
}

describe('keys under traffic', () => {
  let first: PrivateKeySet;
  beforeEach(async () => (first = await currentKeys()));
  afterEach(() => useKeys(first));

  it('S-19, W-34: through rotate and activate no call is refused, and tokens of the old key live to their end', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.work('ada');
    const seen = lab.agentCalls.length;
    const old = lastTokenOf(ada);
    const before = first;
    const withNext = edited(rotated(before, await newKey('next')));
    await deploy(town, withNext);
    expect(await published()).toHaveLength(2);
    lab.clock.advance(31_000);
    await deploy(town, edited(activated(withNext)));
    expect(await published()).toHaveLength(2);
    expect((await beat(old)).status).toBe(200);
    // Any request of the town finds the other key set; the sweep is due at once, whatever the age of the tokens.
    await town.elapse(1000);
    lab.clock.advance(31_000);
    await expect.poll(() => kidOf(lastTokenOf(ada))).not.toBe(kidOf(old));
    expect((await beat(old)).status).toBe(200);
    expect((await town.read('ada')).credential).toMatchObject({ reason: 'sweep', last_outcome: 'applied' });
    expect(lab.agentCalls.slice(seen).filter(({ status }) => status !== 200)).toEqual([]);
  });

  it('S-20: of a tainted key old tokens are refused at once; agents at work have the new key after one sweep', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.agent('idle');
    await town.work('ada');
    const old = lastTokenOf(ada);
    const before = first;
    const bad = before.keys[0]?.kid ?? '';
    await deploy(town, edited(tainted(before, bad, await newKey('active'))));
    expect((await published()).map(({ kid }) => kid)).not.toContain(bad);
    expect(await beat(old)).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
    const laggards = await town.api<TownHealth>('GET', '/health');
    expect(laggards.body.reasons).toMatchObject([{ code: 'old_key', agent: ada.id, status: 'amber' }]);
    await town.elapse(1000);
    lab.clock.advance(31_000);
    await expect.poll(() => kidOf(lastTokenOf(ada))).not.toBe(bad);
    // The container looks for keys that it does not know every 30 s at most: that it refused a push is shown until the next one passes.
    await town.api('POST', '/refresh', {});
    expect((await town.api<TownHealth>('GET', '/health')).body).toEqual({ status: 'green', reasons: [] });
    // The idle agent gets the new key with its next message.
    const { id } = await town.send('idle', 'hello');
    await town.until('idle', id, 'done');
    expect((await town.read('ada')).incarnation).toBe(1);
  });

  it('M-11: a container whose token was tainted fetches a new one by itself, before any push reaches it', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.work('ada');
    const before = first;
    const bad = before.keys[0]?.kid ?? '';
    await deploy(town, edited(tainted(before, bad, await newKey('active'))));
    // Pushes do not arrive; only the agent's own calls do.
    town.container().before = () => ({ status: 500, headers: {}, body: '' });
    lab.clock.advance(31_000);
    await expect.poll(() => kidOf(lastTokenOf(ada))).not.toBe(bad);
    expect(lab.agentCalls.at(-1)?.status).toBe(200);
  });
});
