import { describe, expect, it } from 'vitest';
import { ROLES, type AgentView, type Problem } from '../../../src/protocol/index.ts';
import { issuedTokensOf } from '../support/scene.ts';
import { claimsOf } from '../support/claims.ts';
import { lastTokenOf } from '../support/tokens.ts';
import { TestTown, api } from '../support/town.ts';

const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };
const beat = async (bearer: string) => {
  const { status, body } = await api<{ code?: string }>('POST', '/v1/agent/heartbeat', HEARTBEAT, bearer);
  return body.code === undefined ? String(status) : `${status} ${body.code}`;
};
const change = (town: TestTown, agent: string, body: object) => town.api<AgentView>('PATCH', `/agents/${agent}`, body);
const changes = async (town: TestTown) => (await town.events()).filter(({ type }) => type === 'reeve.agent.changed');
const scopesOf = (token: string) => claimsOf(token).scope.split(' ').filter(Boolean);

describe('a change of scopes', () => {
  it('W-30: that takes one away holds at once, for tokens that name it too', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.work('ada');
    const token = lastTokenOf(ada);
    expect(await beat(token)).toBe('200');
    const { status, body } = await change(town, 'ada', { scopes: ['events', 'mail'] });
    expect([status, body.scopes, body.role]).toEqual([200, ['events', 'mail'], 'worker']);
    expect(scopesOf(token)).toContain('heartbeat');
    expect(await beat(token)).toBe('403 insufficient_scope');
  });

  it('W-30: that gives one comes with the next token, not before, and needs no start', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada', { scopes: ['events'] });
    const first = issuedTokensOf(town).at(-1)?.token ?? '';
    await change(town, 'ada', { scopes: ['heartbeat', 'events', 'heartbeat'] });
    expect(await beat(first)).toBe('403 insufficient_scope');
    await town.api('POST', '/agents/ada/refresh', {});
    const next = issuedTokensOf(town).at(-1)?.token ?? '';
    expect(scopesOf(next)).toEqual(['heartbeat', 'events']);
    expect(await beat(next)).toBe('200');
    const now = await town.read('ada');
    expect([now.incarnation, now.process_id]).toEqual([1, ada.process_id]);
  });
});

describe('a change of role', () => {
  it('reaches the container with the next start, widens no scope by itself, and goes on under the same process until then', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    const { body } = await change(town, 'ada', { role: 'mayor' });
    expect([body.role, body.scopes, body.incarnation]).toEqual(['mayor', [...ROLES.worker], 1]);
    expect((await town.read('ada')).process_id).toBe(ada.process_id);
    const starts = () => town.container().requests.filter(({ path }) => path === `/agents/${ada.id}/start`);
    expect(starts()).toHaveLength(1);
    await town.api('POST', '/agents/ada/stop');
    await town.api('POST', '/agents/ada/start');
    expect(starts().map((sent) => (JSON.parse(sent.body) as { role: string }).role)).toEqual(['worker', 'mayor']);
  });

  it('W-30: to one that may do less is refused with the path until fewer scopes come with it, and changes nothing', async () => {
    const town = await TestTown.create();
    await town.agent('ada', { role: 'mayor' });
    const refused = await town.api<Problem>('PATCH', '/agents/ada', { role: 'worker' });
    expect([refused.status, refused.body.code]).toEqual([400, 'invalid_request']);
    expect(refused.body.errors).toEqual([{ path: 'scopes', message: 'must be within the scopes of the role' }]);
    expect((await town.read('ada')).role).toBe('mayor');
    expect(await changes(town)).toEqual([]);
    const { status, body } = await change(town, 'ada', { role: 'worker', scopes: ['heartbeat'] });
    expect([status, body.role, body.scopes]).toEqual([200, 'worker', ['heartbeat']]);
    expect((await change(town, 'ada', { scopes: ['agents'] })).status).toBe(400);
  });
});

describe('any change', () => {
  it('is reported in one event; the same again, or nothing, is in none', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    const wanted = { role: 'mayor', scopes: ['agents', 'heartbeat'] };
    for (const body of [{}, { runtime: null }, wanted, wanted, { role: 'mayor' }]) {
      expect((await change(town, 'ada', body)).status).toBe(200);
    }
    expect((await changes(town)).map(({ subject, data }) => [subject, data])).toEqual([[ada.id, wanted]]);
  });

  it('of a retired agent is refused, by its id; by its name there is none', async () => {
    const town = await TestTown.create();
    const { id } = await town.agent('ada');
    await town.api('DELETE', '/agents/ada');
    expect((await change(town, id, { role: 'mayor' })).status).toBe(409);
    expect((await change(town, 'ada', { role: 'mayor' })).status).toBe(404);
    expect(await changes(town)).toEqual([]);
  });
});
