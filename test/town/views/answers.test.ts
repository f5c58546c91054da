/** What people are answered. Each call of the tests is held to its shape; here every route is called, and the check is checked. */
import { describe, expect, it } from 'vitest';
import { Refusals, SHAPES, checkShape } from '../support/answers.ts';
import { AsAgent } from '../support/as-agent.ts';
import { TestTown, api, postForm } from '../support/town.ts';
import { DEV_TOKEN } from '../support/wiring.ts';

type OpenApi = { readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>> };

/** Routes of others, and the one whose answer is a socket. */
const NOT_FOR_PEOPLE = /\/v1\/(?:agent|container)\/|\/oauth\/(?:token|revoke)$|\/(?:stream|ag-ui)$/;

describe('what people are answered', () => {
  it('has a shape in the protocol, whatever the route', async () => {
    const { body } = await api<OpenApi>('GET', '/openapi.json');
    const routes = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(Object.keys(SHAPES).toSorted()).toEqual(routes.filter((route) => !NOT_FOR_PEOPLE.test(route)).toSorted());
  });

  it('is of that shape, on every route', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.agent('bob');
    const { id } = await town.send('bob', 'delegate ada work 1');
    await town.until('bob', id, 'done');
    await town.work('ada');
    await town.ring();
    await town.api('POST', '/agents/bob/stop');
    const waiting = await town.send('bob', 'waits');
    const calls = [
      'GET ',
      'GET /health',
      'POST /refresh',
      'GET /events?limit=200',
      'POST /tickets',
      'GET /delegations',
      'GET /permissions',
      'GET /agents',
      'GET /agents/ada',
      'PATCH /agents/ada',
      'POST /agents/ada/refresh',
      'GET /agents/ada/messages',
      `GET /agents/bob/messages/${waiting.id}`,
      `DELETE /agents/bob/messages/${waiting.id}`,
      'POST /agents/ada/interrupt',
      'POST /agents/ada/revoke',
      'POST /agents/ada/start',
      'POST /agents/ada/stop',
      'POST /restored',
      'DELETE /agents/ada',
      'DELETE ',
    ];
    await api('GET', '/v1/towns');
    await api('GET', '/v1/presets');
    await api('GET', '/v1/sign-in');
    const link = await api<{ code: string }>('POST', '/v1/sign-in/links', {});
    await api('POST', '/v1/sign-in', { code: link.body.code });
    await api('GET', '/openai/v1/models');
    await api('GET', `/openai/v1/models/${encodeURIComponent(`reeve/${town.id}/ada`)}`);
    const messages = [{ role: 'user', content: 'ping' }];
    await api('POST', '/openai/v1/chat/completions', { model: 'reeve/utility', messages });
    await api('POST', '/openai/v1/responses', { model: 'reeve/utility', input: messages });
    const key = await api<{ id: string }>('POST', '/v1/keys', { name: 'robot' });
    await api('GET', '/v1/keys');
    await api('DELETE', `/v1/keys/${key.body.id}`);
    await town.api('PATCH', '', { token_audiences: ['https://third.example'] });
    await postForm('/v1/oauth/introspect', { token: await new AsAgent(town, 'ada').token() }, DEV_TOKEN);
    for (const call of calls) {
      const [method = '', path = ''] = call.split(' ');
      const { status } = await town.api(method, path, method === 'POST' || method === 'PATCH' ? {} : undefined);
      expect(status, call).toBeLessThan(300);
    }
  });

  it('is a refusal that its route declares, and any other is caught', async () => {
    const { body } = await api('GET', '/openapi.json');
    const refusals = new Refusals(body);
    const path = '/v1/towns/town_00000000000000000000/agents?limit=1';
    expect(() => refusals.check('POST', path, 409, 'name_taken')).not.toThrow();
    expect(() => refusals.check('GET', path, 409, 'name_taken')).toThrow();
    expect(() => refusals.check('POST', path, 400, 'name_taken')).toThrow();
  });

  it('is caught where a field is missing, of another kind, or one too many', async () => {
    const town = await TestTown.create();
    const agent = await town.agent('ada');
    const path = `/v1/towns/${town.id}/agents/ada`;
    expect(() => checkShape('GET', path, agent)).not.toThrow();
    const { state: _, ...stateless } = agent;
    const wrong: unknown[] = [stateless, { ...agent, state: 'asleep' }, { ...agent, session: 'ses_1' }];
    for (const answer of wrong) expect(() => checkShape('GET', path, answer)).toThrow();
    const page = { items: [await town.send('ada', 'hello'), agent], next: null };
    expect(() => checkShape('GET', `${path}/messages?limit=2`, page)).toThrow();
  });
});
