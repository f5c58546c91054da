import { describe, expect, test } from 'vitest';
import { MAX_BODY_BYTES, MAX_EVENT_BATCH_BYTES, MAX_MESSAGE_BYTES, problemSchema } from '#protocol';
import { CONTAINER_SECRET } from '../../support/bindings.ts';
import { OWN, makeScene, type EdgeScene } from '../../support/fake-edge.ts';
import { agentId, containerName, delegationId, messageId, sessionId } from '../../support/ids.ts';

const scene = await makeScene();
const agentBearer = await scene.agentToken();
scene.town.agents.set(agentId(1), scene.town.agentView(agentId(1), 'ada'));

/** JSON of `value` with white space in front, so that it has exactly this many bytes. */
function jsonOf(value: unknown, bytes: number): string {
  const text = JSON.stringify(value);
  return ' '.repeat(bytes - new TextEncoder().encode(text).length) + text;
}

interface Route {
  readonly name: string;
  readonly path: string;
  readonly bearer?: string;
  readonly good: unknown;
  readonly cap: number;
}

const ROUTES: readonly Route[] = [
  { name: 'create a town', path: '/v1/towns', good: { name: 'first-town' }, cap: MAX_BODY_BYTES },
  { name: 'create an agent', path: `/v1/towns/${OWN}/agents`, good: { name: 'bob' }, cap: MAX_BODY_BYTES },
  { name: 'refresh a town', path: `/v1/towns/${OWN}/refresh`, good: {}, cap: MAX_BODY_BYTES },
  { name: 'refresh an agent', path: `/v1/towns/${OWN}/agents/ada/refresh`, good: {}, cap: MAX_BODY_BYTES },
  {
    name: 'send a message',
    path: `/v1/towns/${OWN}/agents/ada/messages`,
    good: { content: 'hello' },
    cap: MAX_MESSAGE_BYTES,
  },
  {
    name: 'heartbeat',
    path: '/v1/agent/heartbeat',
    bearer: agentBearer,
    good: { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null },
    cap: MAX_BODY_BYTES,
  },
  {
    name: 'report events',
    path: '/v1/agent/events',
    bearer: agentBearer,
    good: {
      counter: 1,
      events: [{ type: 'turn.started', message: messageId(1), attempt: 1, at: '2030-01-01T12:00:00Z' }],
    },
    cap: MAX_EVENT_BATCH_BYTES,
  },
  {
    name: 'send mail',
    path: '/v1/agent/mail',
    bearer: agentBearer,
    good: { to: 'bob', text: 'hello' },
    cap: MAX_BODY_BYTES,
  },
  {
    name: 'delegate',
    path: '/v1/agent/delegations',
    bearer: agentBearer,
    good: { to: 'bob', task: 'hello' },
    cap: MAX_BODY_BYTES,
  },
  {
    name: 'post a result',
    path: `/v1/agent/delegations/${delegationId(1)}/result`,
    bearer: agentBearer,
    good: { state: 'done', text: 'hello' },
    cap: MAX_BODY_BYTES,
  },
  {
    name: 'hello',
    path: '/v1/container/hello',
    bearer: CONTAINER_SECRET,
    good: { version: 1 },
    cap: MAX_BODY_BYTES,
  },
  {
    name: 'pull',
    path: `/v1/container/${containerName(1)}/agents/${agentId(1)}/token`,
    bearer: 'session-secret',
    good: { session: sessionId(1), inc: 1, gen: 0 },
    cap: MAX_BODY_BYTES,
  },
];

const post = (to: EdgeScene, { path, bearer }: Route, body: string | ReadableStream, headers = {}) =>
  to.send('POST', path, { body, headers, ...(bearer === undefined ? {} : { bearer }) });

/** The same bytes in pieces, without a length in the header. */
const inPieces = (text: string): ReadableStream =>
  ReadableStream.from(
    Array.from({ length: Math.ceil(text.length / 4096) }, (_, at) =>
      Buffer.from(text.slice(at * 4096, (at + 1) * 4096)),
    ),
  );

describe('a body of exactly its cap is taken, and one byte more is 413', () => {
  for (const route of ROUTES) {
    test(`${route.name}: ${route.cap} bytes`, async () => {
      const good = await post(scene, route, jsonOf(route.good, route.cap));
      expect(good.status, await good.text()).toBeLessThan(300);
      const before = scene.calls.length;
      const long = await post(scene, route, jsonOf(route.good, route.cap + 1));
      expect(long.status).toBe(413);
      expect(problemSchema.parse(await long.json()).code).toBe('payload_too_large');
      expect(scene.calls).toHaveLength(before);
    });
  }

  test('whether the length is announced, wrong, or not there at all', async () => {
    const route = ROUTES[0];
    if (route === undefined) throw new Error('there is a first route');
    const long = jsonOf(route.good, route.cap + 1);
    expect((await post(scene, route, long, { 'content-length': String(long.length) })).status).toBe(413);
    expect((await post(scene, route, inPieces(long))).status).toBe(413);
    expect((await post(scene, route, inPieces(jsonOf(route.good, route.cap)))).status).toBe(201);
  });

  test('and credentials come first: a stranger is refused before the body is looked at', async () => {
    for (const route of ROUTES) {
      const response = await scene.send('POST', route.path, { body: 'x'.repeat(route.cap + 1), bearer: null });
      expect(response.status, route.name).toBe(401);
    }
  });
});

describe('a body that is no UTF-8 is 400, whatever its route', () => {
  /** Latin-1, a character that ends too early, half of a surrogate pair, and an overlong form. */
  const BROKEN = [[0xe9], [0xf0, 0x9f, 0xa6], [0xed, 0xa0, 0x80], [0xc0, 0x80]];

  for (const route of ROUTES) {
    test(route.name, async () => {
      const text = JSON.stringify(route.good);
      const before = scene.calls.length;
      for (const bytes of BROKEN) {
        // Inside of the last string or before the end, where JSON would read it as U+FFFD or as nothing.
        const at = Math.max(text.lastIndexOf('"'), 1);
        const body = Buffer.concat([Buffer.from(text.slice(0, at)), Buffer.from(bytes), Buffer.from(text.slice(at))]);
        const response = await scene.send('POST', route.path, {
          body: new Uint8Array(body),
          ...(route.bearer === undefined ? {} : { bearer: route.bearer }),
        });
        expect(response.status).toBe(400);
        expect(problemSchema.parse(await response.json()).code).toBe('invalid_body');
      }
      expect(scene.calls).toHaveLength(before);
    });
  }
});

describe('a body that does not fit is 400', () => {
  const broken = async (route: Route, body: string, headers: Record<string, string> = {}) => {
    const response = await post(scene, route, body, headers);
    const problem = problemSchema.parse(await response.json());
    return { status: response.status, code: problem.code, errors: problem.errors ?? [] };
  };

  for (const route of ROUTES) {
    test(`${route.name}: what is no JSON, or not of its kind, is named as such`, async () => {
      const before = scene.calls.length;
      for (const body of ['{', '', 'name=first', '[]', 'null', '7', '"text"']) {
        expect(await broken(route, body), body).toMatchObject({ status: 400, code: 'invalid_request' });
      }
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data',
        'application/octet-stream',
      ]) {
        const answer = await broken(route, JSON.stringify(route.good), { 'content-type': type });
        expect(answer, type).toMatchObject({ status: 400, code: 'invalid_request' });
        expect(answer.errors, type).toEqual([{ path: 'content-type', message: 'must be application/json' }]);
      }
      expect(scene.calls).toHaveLength(before);
    });
  }

  test('with the path of each fault', async () => {
    const paths = async (path: string, json: unknown, bearer?: string) => {
      const response = await scene.send('POST', path, { json, ...(bearer === undefined ? {} : { bearer }) });
      expect(response.status).toBe(400);
      return problemSchema.parse(await response.json()).errors?.map((error) => error.path);
    };
    expect(await paths('/v1/towns', { name: 'Not A Name' })).toEqual(['name']);
    expect(await paths(`/v1/towns/${OWN}/agents`, { name: 'a', role: 'king', scopes: ['heartbeat', 'fly'] })).toEqual([
      'role',
      'scopes.1',
    ]);
    expect(await paths(`/v1/towns/${OWN}/agents/ada/messages`, {})).toEqual(['content']);
    const event = { type: 'turn.started', message: 'msg_wrong', attempt: 0, at: '2030-01-01T12:00:00Z' };
    expect(await paths('/v1/agent/events', { counter: 1, events: [event] }, agentBearer)).toEqual([
      'events.0.message',
      'events.0.attempt',
    ]);
    expect(await paths('/v1/agent/heartbeat', { turn: null }, agentBearer)).toEqual([
      'current_task',
      'error_rate',
      'uptime_seconds',
      'last_progress_at',
    ]);
  });

  test('also in the query', async () => {
    for (const query of [
      'limit=0',
      'limit=201',
      'limit=x',
      'limit=1.5',
      'after=-1',
      'after=1e999',
      'after=',
      'limit=',
      'limit=1e1',
      'after=0x10',
    ]) {
      const response = await scene.send('GET', `/v1/towns/${OWN}/events?${query}`);
      expect(response.status, query).toBe(400);
      const problem = problemSchema.parse(await response.json());
      expect(
        problem.errors?.map(({ path }) => path),
        query,
      ).toEqual([query.split('=')[0]]);
    }
  });
});
