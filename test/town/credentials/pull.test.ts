import { SELF, listDurableObjectIds, env } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import type { OpenSession } from '../../../src/protocol/index.ts';
import { TestTown, api } from '../support/town.ts';
import { PUBLIC_URL } from '../support/wiring.ts';

const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };

/** What the control server of a town was sent when its session was opened. */
function sessionOf(town: TestTown): OpenSession {
  const request = town.container().requests.findLast(({ path }) => path === '/session');
  return JSON.parse(request?.body ?? '{}') as OpenSession;
}

async function pull(container: string, agent: string, secret: string, body: object) {
  const response = await SELF.fetch(`${PUBLIC_URL}/v1/container/${container}/agents/${agent}/token`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as { code?: string; token?: string; gen?: number; expires_at?: string };
  return { status: response.status, cache: response.headers.get('cache-control'), answer };
}

describe('pull', () => {
  it('answers a fresh token to the session that holds the agent, with its expiry, and is never cached', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    const { session, secret } = sessionOf(town);
    const { status, cache, answer } = await pull(town.containerName(), ada.id, secret, { session, inc: 1, gen: 1 });
    expect([status, cache]).toEqual([200, 'no-store']);
    expect(answer).toMatchObject({ agent: ada.id, inc: 1, gen: 2, expires_at: expect.any(String) });
    expect((await api('POST', '/v1/agent/heartbeat', HEARTBEAT, answer.token)).status).toBe(200);
    expect((await town.read('ada')).credential).toMatchObject({ acked: 2, in_use: 2, reason: 'pull' });
  });

  it('A-12: a wrong secret, an ended session, another container, an unknown town: 401; another town: nothing is said', async () => {
    const town = await TestTown.create();
    const other = await TestTown.create();
    const ada = await town.agent('ada');
    const bob = await other.agent('bob');
    const { session, secret } = sessionOf(town);
    const body = { session, inc: 1, gen: 1 };
    const wrong = `${secret.slice(0, -4)}AAAA`;
    expect((await pull(town.containerName(), ada.id, wrong, body)).status).toBe(401);
    expect((await pull(town.containerName(1), ada.id, secret, body)).status).toBe(401);
    expect((await pull(other.containerName(), bob.id, secret, body)).status).toBe(401);
    expect((await pull('town_00000000000000000000:0', ada.id, secret, body)).status).toBe(401);
    expect((await pull('not-a-container', ada.id, secret, body)).status).toBe(401);
    const old = { ...body, session: 'ses_00000000000000000000' };
    expect((await pull(town.containerName(), ada.id, secret, old)).status).toBe(401);
    expect((await town.read('ada')).credential.minted).toBe(1);
    expect((await other.read('bob')).credential.minted).toBe(1);
  });

  it('A-12: the session gets no token for an agent that is not placed in it', async () => {
    const town = await TestTown.create();
    const other = await TestTown.create();
    await town.agent('ada');
    const bob = await other.agent('bob');
    const { session, secret } = sessionOf(town);
    const { status, answer } = await pull(town.containerName(), bob.id, secret, { session, inc: 1, gen: 1 });
    expect([status, answer.code]).toEqual([404, 'not_found']);
  });

  it.each([
    ['DELETE', '', 'agent_retired'],
    ['POST', '/stop', 'agent_stopped'],
    ['POST', '/revoke', 'agent_revoked'],
  ])('%s %s: the pull answers the terminal code %s and mints nothing', async (method, verb, code) => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    const { session, secret } = sessionOf(town);
    await town.api(method, `/agents/ada${verb}`);
    const { answer } = await pull(town.containerName(), ada.id, secret, { session, inc: 1, gen: 1 });
    expect(answer.code).toBe(code);
    expect((await town.read(ada.id)).credential.minted).toBe(1);
  });

  it('lets an incarnation that was superseded know that it is over', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.api('POST', '/agents/ada/stop');
    await town.api('POST', '/agents/ada/start');
    const { session, secret } = sessionOf(town);
    const { answer } = await pull(town.containerName(), ada.id, secret, { session, inc: 1, gen: 1 });
    expect(answer.code).toBe('incarnation_superseded');
  });

  it('an unknown town brings no Durable Object into being', async () => {
    const before = (await listDurableObjectIds(env.TOWN)).length;
    await pull('town_11111111111111111111:0', 'agt_00000000000000000000', 'x'.repeat(43), {
      session: 'ses_00000000000000000000',
      inc: 1,
      gen: 1,
    });
    await api('GET', '/v1/towns/town_11111111111111111111/agents');
    expect((await listDurableObjectIds(env.TOWN)).length).toBe(before);
  });
});
