import { beforeEach, describe, expect, test } from 'vitest';
import { TEXT_RULE, agentIdSchema, messageIdSchema, problemSchema, townIdSchema, ROLES } from '#protocol';
import { z } from 'zod';
import { FOREIGN, OWN, UNKNOWN, makeScene, type EdgeScene } from '../../support/fake-edge.ts';
import { agentId } from '../../support/ids.ts';
import { NOW_MS } from '../../support/issuer.ts';

const AGENTS = `/v1/towns/${OWN}/agents`;
let scene: EdgeScene;

beforeEach(async () => {
  scene = await makeScene();
  scene.town.agents.set(agentId(1), scene.town.agentView(agentId(1), 'ada'));
});

const page = z.object({ items: z.array(z.looseObject({ id: z.string().optional() })), next: z.string().nullable() });
const read = async (path: string) => page.parse(await (await scene.send('GET', path)).json());
/** The last call of a town, and what it was given. */
const lastCall = () => scene.calls.at(-1);
const codeOf = async (response: Response) => problemSchema.parse(await response.json()).code;

describe('towns', () => {
  test('a new town is in the directory before its object is touched, and belongs to who made it', async () => {
    const response = await scene.send('POST', '/v1/towns', { json: { name: 'second' } });
    expect(response.status).toBe(201);
    const { id } = z.object({ id: townIdSchema, name: z.literal('second') }).parse(await response.json());
    expect(lastCall()).toEqual({ town: id, method: 'create', given: [{ name: 'second', owner: 'dev' }] });
    expect(await scene.edge.directory.get(id)).toMatchObject({ id, name: 'second', owner: 'dev' });
  });

  test('a town that the directory could not take has no object', async () => {
    const { edge } = scene;
    edge.directory.create = () => Promise.reject(new Error('D1 is down'));
    expect((await scene.send('POST', '/v1/towns', { json: { name: 'second' } })).status).toBe(500);
    expect(scene.calls).toEqual([]);
  });

  test('are listed in pages, each once, without looking into any', async () => {
    for (const name of ['b', 'c', 'd', 'e']) await scene.send('POST', '/v1/towns', { json: { name } });
    const before = scene.calls.length;
    const seen: (string | undefined)[] = [];
    let cursor = '';
    for (let pages = 0; pages < 5; pages += 1) {
      const { items, next } = await read(`/v1/towns?limit=2&cursor=${cursor}`);
      seen.push(...items.map(({ id }) => id));
      if (next === null) break;
      cursor = next;
    }
    expect(seen).toHaveLength(5);
    expect(new Set(seen).size).toBe(5);
    expect(scene.calls).toHaveLength(before);
  });

  test('names are 1 to 40 of lower case, digits and inner dashes, so that they cannot look like an id', async () => {
    const status = async (name: string) => (await scene.send('POST', '/v1/towns', { json: { name } })).status;
    for (const name of ['a', '7', 'a-b', 'x'.repeat(40)]) expect(await status(name), name).toBe(201);
    for (const name of ['', '-a', 'a-', 'A', 'a_b', 'a b', 'é', 'x'.repeat(41), OWN]) {
      expect(await status(name), name).toBe(400);
    }
  });

  test('a list that fills its last page exactly ends with it', async () => {
    await scene.send('POST', '/v1/towns', { json: { name: 'second' } });
    scene.town.agents.set(agentId(2), scene.town.agentView(agentId(2), 'bob'));
    for (const content of ['one', 'two']) await scene.send('POST', `${AGENTS}/ada/messages`, { json: { content } });
    for (const path of ['/v1/towns?limit=2', `${AGENTS}?limit=2`, `${AGENTS}/ada/messages?limit=2`]) {
      const { items, next } = await read(path);
      expect([items.length, next], path).toEqual([2, null]);
    }
    expect((await read(`/v1/towns/${OWN}/events?limit=3`)).next).toBeNull();
  });

  test('messages come the oldest first, or the newest, each page with the cursor of the next in its order', async () => {
    for (const content of ['one', 'two', 'three']) {
      await scene.send('POST', `${AGENTS}/ada/messages`, { json: { content } });
    }
    const contents = async (query: string) => {
      const { items, next } = await read(`${AGENTS}/ada/messages?limit=2${query}`);
      return [...items.map(({ content }) => content), next];
    };
    expect(await contents('')).toEqual(['one', 'two', '2']);
    expect(await contents('&order=newest')).toEqual(['three', 'two', '2']);
    expect(await contents('&order=newest&cursor=2')).toEqual(['one', null]);
    expect((await scene.send('GET', `${AGENTS}/ada/messages?order=latest`)).status).toBe(400);
  });

  test('a refresh and a restore say what the town did', async () => {
    expect((await scene.send('POST', `/v1/towns/${OWN}/refresh`, { json: { revoke_older: true } })).status).toBe(200);
    expect(lastCall()).toMatchObject({ method: 'refreshTown', given: [true] });
    expect((await scene.send('POST', `/v1/towns/${OWN}/restored`)).status).toBe(200);
    expect(lastCall()).toMatchObject({ method: 'restored' });
  });

  test('a deleted one is not found, and an owner may ask again until it is gone', async () => {
    const path = `/v1/towns/${OWN}`;
    scene.town.instead = async () => {
      await scene.edge.directory.markDeleted(OWN, NOW_MS);
      return { ok: true, value: { gone: false } };
    };
    const first = await scene.send('DELETE', path);
    expect([first.status, await first.json()]).toEqual([202, { id: OWN, status: 'deleting' }]);
    expect((await scene.send('GET', path)).status).toBe(404);
    expect((await read('/v1/towns')).items).toEqual([]);
    scene.town.instead = () => ({ ok: false, error: 'not_found' });
    const second = await scene.send('DELETE', path);
    expect([second.status, await second.json()]).toEqual([200, { id: OWN, status: 'deleted' }]);
    expect(lastCall()).toMatchObject({ method: 'remove' });
    await scene.edge.directory.remove(OWN);
    expect((await scene.send('DELETE', path)).status).toBe(404);
  });

  test('one that never came to its object is marked before that is asked, by an owner alone', async () => {
    const { directory } = scene.edge;
    let marked: unknown = null;
    const remove = scene.town.remove.bind(scene.town);
    scene.town.remove = async () => {
      marked = (await directory.find(OWN))?.deletedAtMs ?? null;
      return remove();
    };
    const status = async (error: string): Promise<string> => {
      scene.town.instead = () => ({ ok: false, error });
      const response = await scene.send('DELETE', `/v1/towns/${OWN}`);
      return response.ok ? String(response.status) : `${response.status} ${await codeOf(response)}`;
    };
    for (const role of ['viewer', 'member'] as const) {
      await directory.publishMembers(OWN, role.length, [{ person: 'dev', role, sinceMs: 0, addedBy: null }]);
      expect(await status('not_found')).toBe('403 insufficient_role');
    }
    await directory.publishMembers(OWN, 9, [{ person: 'dev', role: 'owner', sinceMs: 0, addedBy: null }]);
    // The town knows better than the directory whose it is.
    expect(await status('no_member')).toBe('404 not_found');
    expect(await status('insufficient_role')).toBe('403 insufficient_role');
    expect(await status('unavailable')).toBe('503 unavailable');
    expect((await directory.find(OWN))?.deletedAtMs).toBeNull();
    expect(await status('not_found')).toBe('200');
    expect(marked).toBe(NOW_MS);
  });

  test('of others are not touched by who deletes them', async () => {
    const before = scene.calls.length;
    for (const id of [FOREIGN, UNKNOWN, 'town'])
      expect((await scene.send('DELETE', `/v1/towns/${id}`)).status).toBe(404);
    expect(await scene.edge.directory.get(FOREIGN)).not.toBeNull();
    expect(scene.calls).toHaveLength(before);
  });

  test('events are read after a sequence number, and the page names where to go on', async () => {
    expect((await read(`/v1/towns/${OWN}/events?after=7&limit=2`)).next).toBe('9');
    expect((await read(`/v1/towns/${OWN}/events?after=7`)).next).toBeNull();
    expect(lastCall()).toMatchObject({ method: 'listEvents', given: [7, 50] });
  });
});

describe('agents', () => {
  test('a new one has the scopes of its role, unless fewer were asked for', async () => {
    const given = async (json: unknown) => {
      const response = await scene.send('POST', AGENTS, { json });
      return { status: response.status, agent: lastCall()?.given[0] };
    };
    expect(await given({ name: 'bob' })).toMatchObject({
      status: 201,
      agent: { name: 'bob', role: 'worker', scopes: ROLES.worker },
    });
    expect(await given({ name: 'eve', role: 'mayor', scopes: ['heartbeat'] })).toMatchObject({
      status: 201,
      agent: { role: 'mayor', scopes: ['heartbeat'] },
    });
    expect(agentIdSchema.safeParse(z.object({ id: z.string() }).parse(lastCall()?.given[0]).id).success).toBe(true);
  });

  test('cannot be given more than its role has', async () => {
    const response = await scene.send('POST', AGENTS, { json: { name: 'bob', scopes: ['heartbeat', 'agents'] } });
    expect(response.status).toBe(400);
    expect(problemSchema.parse(await response.json()).errors).toEqual([
      { path: 'scopes', message: 'must be within the scopes of the role' },
    ]);
    expect(scene.calls).toEqual([]);
  });

  test('a taken name is 409, and a full town 429', async () => {
    const taken = await scene.send('POST', AGENTS, { json: { name: 'ada' } });
    expect(taken.status).toBe(409);
    expect(await codeOf(taken)).toBe('name_taken');
    scene.town.instead = () => ({ ok: false, error: 'limit_exceeded' });
    const full = await scene.send('POST', AGENTS, { json: { name: 'bob' } });
    expect(full.status).toBe(429);
    expect(full.headers.get('retry-after')).toBe('5');
  });

  test('are read by id or by name', async () => {
    for (const name of [agentId(1), 'ada']) {
      const response = await scene.send('GET', `${AGENTS}/${name}`);
      expect(await response.json()).toMatchObject({ id: agentId(1), name: 'ada' });
    }
    expect((await scene.send('GET', `${AGENTS}/nobody`)).status).toBe(404);
  });

  test('are listed in pages in the order of their ids', async () => {
    scene.town.agents.set(agentId(2), scene.town.agentView(agentId(2), 'bob'));
    expect(await read(`${AGENTS}?limit=1`)).toMatchObject({ items: [{ id: agentId(1) }], next: agentId(1) });
    expect(await read(`${AGENTS}?limit=5&cursor=${agentId(1)}`)).toMatchObject({
      items: [{ id: agentId(2) }],
      next: null,
    });
  });

  test('are changed by what is named, and only by that', async () => {
    const patch = async (json: unknown, name = 'ada') =>
      (await scene.send('PATCH', `${AGENTS}/${name}`, { json })).status;
    expect(await patch({ role: 'mayor' })).toBe(200);
    expect(lastCall()).toMatchObject({ method: 'changeAgent', given: ['ada', { role: 'mayor' }] });
    expect(await patch({ scopes: ['heartbeat'], runtime: null })).toBe(200);
    expect(lastCall()).toMatchObject({ method: 'changeAgent', given: ['ada', { scopes: ['heartbeat'] }] });
    expect(await patch({ role: 'worker' }, 'nobody')).toBe(404);
    for (const json of [
      { role: 'king' },
      { scopes: ['admin'] },
      { scopes: null },
      { name: 'bob' },
      { state: 'idle' },
    ]) {
      expect(await patch(json), JSON.stringify(json)).toBe(400);
    }
  });

  test('W-30: a change past the scopes of the role is 400 with its path, and one of a retired agent 409', async () => {
    const refused = async (error: string) => {
      scene.town.instead = () => ({ ok: false, error });
      return scene.send('PATCH', `${AGENTS}/ada`, { json: { role: 'worker' } });
    };
    const beyond = await refused('beyond_role');
    expect(beyond.status).toBe(400);
    expect(problemSchema.parse(await beyond.json()).errors).toEqual([
      { path: 'scopes', message: 'must be within the scopes of the role' },
    ]);
    const retired = await refused('agent_retired');
    expect([retired.status, await codeOf(retired)]).toEqual([409, 'state_conflict']);
  });

  test('take no command that the deployment does not allow, and no town is asked to store it', async () => {
    const before = scene.calls.length;
    const runtime = { command: 'node', args: ['agent.js'], env: {}, cwd: '/', credentials: 'none' };
    const response = await scene.send('PATCH', `${AGENTS}/ada`, { json: { runtime } });
    expect(response.status).toBe(400);
    expect(problemSchema.parse(await response.json()).errors).toEqual([
      { path: 'runtime.command', message: 'is not among the AGENT_COMMANDS of this deployment' },
    ]);
    expect(scene.calls).toHaveLength(before);
  });

  test('K-07: teardown is 200 where process and key are gone, and 202 where the container has yet to confirm', async () => {
    expect((await scene.send('DELETE', `${AGENTS}/ada`)).status).toBe(200);
    const agent = scene.town.agents.get(agentId(1));
    scene.town.instead = () => ({ ok: true, value: { agent, confirmed: false } });
    expect((await scene.send('DELETE', `${AGENTS}/${agentId(1)}`)).status).toBe(202);
    expect((await scene.send('DELETE', `${AGENTS}/nobody`)).status).toBe(404);
  });

  test('are started, stopped and revoked by name, and a retired one is not', async () => {
    for (const verb of ['start', 'stop', 'revoke']) {
      expect((await scene.send('POST', `${AGENTS}/ada/${verb}`)).status, verb).toBe(200);
      expect(lastCall()).toMatchObject({ method: `${verb}Agent`, given: [agentId(1)] });
      expect((await scene.send('POST', `${AGENTS}/nobody/${verb}`)).status, verb).toBe(404);
    }
    await scene.send('DELETE', `${AGENTS}/ada`);
    for (const verb of ['start', 'stop', 'revoke']) {
      const response = await scene.send('POST', `${AGENTS}/${agentId(1)}/${verb}`);
      expect(response.status, verb).toBe(409);
      expect(await codeOf(response), verb).toBe('state_conflict');
    }
  });

  test('K-05: a forced refresh answers what the container did', async () => {
    const report = {
      due: 1,
      ok: 1,
      failed: 0,
      skipped: 0,
      results: [{ agent: agentId(1), outcome: 'applied', generation: 4 }],
    };
    scene.town.instead = () => ({ ok: true, value: report });
    const response = await scene.send('POST', `${AGENTS}/ada/refresh`, { json: {} });
    expect(await response.json()).toEqual(report);
    expect(lastCall()).toMatchObject({ method: 'refreshAgent', given: ['ada', false] });
  });
});

describe('messages', () => {
  const MESSAGES = `${AGENTS}/ada/messages`;

  test('are accepted with an id of their own, and their sender is who the credential says', async () => {
    const json = { content: 'hello' };
    const response = await scene.send('POST', MESSAGES, { json });
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({ state: 'queued', content: 'hello', sender: 'person:dev' });
    const [name, message] = lastCall()?.given ?? [];
    expect(name).toBe('ada');
    expect(messageIdSchema.safeParse(z.object({ id: z.string() }).parse(message).id).success).toBe(true);
    const claimed = await scene.send('POST', MESSAGES, { json: { ...json, sender: 'person:boss' } });
    expect(claimed.status).toBe(400);
  });

  test('keep every character of their text', async () => {
    const content = 'line\nбreak \u0000 🦊 "quoted" \\ \u2028';
    await scene.send('POST', MESSAGES, { json: { content } });
    expect(lastCall()?.given[1]).toMatchObject({ content });
  });

  test('that hold half a character are 400 with their path, and no town is asked to store another text', async () => {
    for (const content of ['\ud83d', 'a\udd8ab', '🦊\ud83d']) {
      const response = await scene.send('POST', MESSAGES, { json: { content } });
      expect(response.status).toBe(400);
      expect(problemSchema.parse(await response.json()).errors).toEqual([{ path: 'content', message: TEXT_RULE }]);
    }
    expect(scene.calls).toEqual([]);
  });

  test('to an unknown agent are 404, and to a retired agent 409: no drop is answered with success', async () => {
    expect((await scene.send('POST', `${AGENTS}/nobody/messages`, { json: { content: 'x' } })).status).toBe(404);
    await scene.send('DELETE', `${AGENTS}/ada`);
    const retired = await scene.send('POST', MESSAGES, { json: { content: 'x' } });
    expect(retired.status).toBe(409);
    expect(await codeOf(retired)).toBe('state_conflict');
  });

  test('are listed in order in pages, and read one by one', async () => {
    for (const content of ['one', 'two', 'three']) await scene.send('POST', MESSAGES, { json: { content } });
    const first = await read(`${MESSAGES}?limit=2`);
    expect(first).toMatchObject({ items: [{ content: 'one' }, { content: 'two' }], next: '2' });
    expect(await read(`${MESSAGES}?limit=2&cursor=2`)).toMatchObject({ items: [{ content: 'three' }], next: null });
    const one = await scene.send('GET', `${MESSAGES}/${first.items[0]?.id ?? ''}`);
    expect(await one.json()).toMatchObject({ content: 'one' });
    expect((await scene.send('GET', `${MESSAGES}/msg_nowhere`)).status).toBe(404);
  });

  test('M-37: the sender names a message by header or field; both must be the same', async () => {
    const given = async (headers: Record<string, string>, field?: string) => {
      const json = { content: 'hello', ...(field === undefined ? {} : { idempotency_key: field }) };
      const response = await scene.send('POST', MESSAGES, { json, headers });
      return response.status === 202 ? lastCall()?.given[1] : problemSchema.parse(await response.json());
    };
    expect(await given({})).toMatchObject({ idempotencyKey: null });
    expect(await given({ 'idempotency-key': '"a-\\"key\\""' })).toMatchObject({ idempotencyKey: 'a-"key"' });
    expect(await given({ 'idempotency-key': 'bare' }, 'bare')).toMatchObject({ idempotencyKey: 'bare' });
    expect(await given({}, 'field')).toMatchObject({ idempotencyKey: 'field' });
    const errors = (path: string) => ({ code: 'invalid_request', errors: [{ path }] });
    expect(await given({ 'idempotency-key': 'one' }, 'other')).toMatchObject(errors('idempotency_key'));
    expect(await given({ 'idempotency-key': '"open' })).toMatchObject(errors('idempotency-key'));
    expect(await given({}, 'with space')).toMatchObject(errors('idempotency_key'));
  });

  test('K-08: no drop is answered with success: each refusal of the town has its status and code', async () => {
    const codes = { idempotency_key_reused: 422, limit_exceeded: 429, agent_retired: 409, not_found: 404 };
    for (const [error, status] of Object.entries(codes)) {
      scene.town.instead = () => ({ ok: false, error });
      const response = await scene.send('POST', MESSAGES, { json: { content: 'x' } });
      expect(response.status, error).toBe(status);
      expect(response.headers.get('retry-after'), error).toBe(status === 429 ? '5' : null);
      expect(await codeOf(response)).toBe(error === 'agent_retired' ? 'state_conflict' : error);
    }
  });

  test('are cancelled while they are queued; a later wish is a conflict that names the way out', async () => {
    await scene.send('POST', MESSAGES, { json: { content: 'one' } });
    const [message] = scene.town.messages;
    const gone = await scene.send('DELETE', `${MESSAGES}/${message?.id ?? ''}`);
    expect(await gone.json()).toMatchObject({ state: 'cancelled' });
    scene.town.instead = () => ({ ok: false, error: 'state_conflict' });
    const late = await scene.send('DELETE', `${MESSAGES}/${message?.id ?? ''}`);
    expect(late.status).toBe(409);
    expect(problemSchema.parse(await late.json()).detail).toContain('interrupt');
    expect((await scene.send('DELETE', `${MESSAGES}/msg_nowhere`)).status).toBe(404);
  });

  test('a turn is ended by an interrupt, whose refusals are distinguished', async () => {
    expect((await scene.send('POST', `${AGENTS}/ada/interrupt`)).status).toBe(200);
    const codes = { not_supported: 501, unavailable: 503, agent_retired: 409, not_found: 404 };
    for (const [error, status] of Object.entries(codes)) {
      scene.town.instead = () => ({ ok: false, error });
      const response = await scene.send('POST', `${AGENTS}/ada/interrupt`);
      expect(response.status, error).toBe(status);
      expect(await codeOf(response)).toBe(error === 'agent_retired' ? 'state_conflict' : error);
    }
  });
});
