import { describe, expect, test, vi } from 'vitest';
import { issuedTokenSchema, problemSchema } from '#protocol';
import { sha256 } from '../../../src/lib/secret.ts';
import { CONTAINER_SECRET } from '../../support/bindings.ts';
import { FOREIGN, OWN, makeScene } from '../../support/fake-edge.ts';
import { agentId, containerName, sessionId, townId } from '../../support/ids.ts';
import { NOW_MS } from '../../support/issuer.ts';

const PULL = { session: sessionId(1), inc: 3, gen: 4 };
const pullPath = (container: string, agent: string = agentId(1)) => `/v1/container/${container}/agents/${agent}/token`;

describe('a pull', () => {
  test('reaches the town of the container with what the container showed, and its answer is kept nowhere', async () => {
    const { send, calls } = await makeScene();
    const response = await send('POST', pullPath(containerName(1, 7)), { bearer: 'session-secret', json: PULL });
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(issuedTokenSchema.parse(await response.json())).toMatchObject({ agent: agentId(1) });
    expect(calls).toEqual([
      {
        town: townId(1),
        method: 'pull',
        given: [{ ...PULL, container: 7, agent: agentId(1), secretDigest: await sha256('session-secret') }],
      },
    ]);
  });

  test('M-13: for a town or container that is not there is a plain 401, and touches no town', async () => {
    const { send, calls } = await makeScene();
    const malformed = ['nowhere', `${OWN}:1000000`, `${OWN}:007`, `${OWN}:-1`, `${OWN}:`, `${OWN}:0x`, OWN];
    for (const container of [containerName(99), ...malformed]) {
      const response = await send('POST', pullPath(encodeURIComponent(container)), { bearer: 'secret', json: PULL });
      expect(response.status, container).toBe(401);
      expect(problemSchema.parse(await response.json()).code, container).toBe('invalid_token');
    }
    expect(calls).toEqual([]);
  });

  test('for something that cannot be an agent is still decided by the town, after the container has proved itself', async () => {
    const { send, calls } = await makeScene();
    await send('POST', pullPath(containerName(1), 'ada'), { bearer: 'secret', json: PULL });
    expect(calls).toMatchObject([{ method: 'pull', given: [{ agent: 'agt_' }] }]);
  });

  test('that the town refuses is answered with its code', async () => {
    const scene = await makeScene();
    const answers = [
      ['unauthenticated', 401, 'invalid_token'],
      ['not_found', 404, 'not_found'],
      ['unavailable', 503, 'unavailable'],
      ['agent_retired', 401, 'agent_retired'],
      ['agent_revoked', 401, 'agent_revoked'],
      ['agent_stopped', 401, 'agent_stopped'],
      ['incarnation_superseded', 401, 'incarnation_superseded'],
    ] as const;
    for (const [error, status, code] of answers) {
      scene.town.instead = () => ({ ok: false, error });
      const response = await scene.send('POST', pullPath(containerName(1)), { bearer: 'secret', json: PULL });
      expect(response.status, error).toBe(status);
      expect(problemSchema.parse(await response.json()).code, error).toBe(code);
    }
  });
});

describe('a hello', () => {
  const hello = { bearer: CONTAINER_SECRET, json: { version: 1 } };

  test('is passed on to every town of the directory, and takes nothing from who said it', async () => {
    const { send, calls, settled } = await makeScene();
    const response = await send('POST', '/v1/container/hello', {
      ...hello,
      json: { version: 1, address: 'http://attacker.example.com' },
    });
    expect(response.status).toBe(202);
    await settled();
    expect(calls).toEqual([
      { town: OWN, method: 'hello', given: [] },
      { town: FOREIGN, method: 'hello', given: [] },
    ]);
  });

  test('reaches each town once, page by page', async () => {
    const { send, calls, settled, edge } = await makeScene();
    for (let nth = 10; nth < 258; nth += 1) {
      await edge.directory.create({ id: townId(nth), name: 'n', owner: 'o', createdAtMs: NOW_MS });
    }
    await send('POST', '/v1/container/hello', hello);
    await settled();
    expect(new Set(calls.map(({ town }) => town)).size).toBe(250);
    expect(calls).toHaveLength(250);
  });

  test('leaves the other towns alone where one fails (F9)', async () => {
    const scene = await makeScene();
    scene.town.instead = () => {
      throw new Error('object reset');
    };
    expect((await scene.send('POST', '/v1/container/hello', hello)).status).toBe(202);
    await scene.settled();
    expect(scene.calls.map(({ town }) => town)).toEqual([OWN, FOREIGN]);
    expect(scene.log).toMatchObject([{ level: 'error', event: 'hello.town_failed', fields: { town: OWN } }]);
  });

  test('a town that hangs costs the others nothing: all of them are informed at once, on this page and the next', async () => {
    const scene = await makeScene();
    for (let nth = 10; nth < 258; nth += 1) {
      await scene.edge.directory.create({ id: townId(nth), name: 'n', owner: 'o', createdAtMs: NOW_MS });
    }
    scene.town.instead = () => new Promise(() => undefined);
    expect((await scene.send('POST', '/v1/container/hello', hello)).status).toBe(202);
    await expect.poll(() => new Set(scene.calls.map(({ town }) => town)).size).toBe(250);
  });

  test('a town that hangs is logged when its time is up', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const scene = await makeScene();
      scene.town.instead = () => new Promise(() => undefined);
      expect((await scene.send('POST', '/v1/container/hello', hello)).status).toBe(202);
      await vi.advanceTimersByTimeAsync(8000);
      await scene.settled();
      expect(scene.calls.map(({ town }) => town)).toEqual([OWN, FOREIGN]);
      expect(scene.log).toMatchObject([
        { event: 'hello.town_failed', fields: { town: OWN, error: 'no answer in 8000 ms' } },
      ]);
    } finally {
      vi.useRealTimers();
    }
  });

  test('is refused with 503 where the directory cannot be read, so that it is said again', async () => {
    const { send, calls, settled, edge, log } = await makeScene();
    edge.directory.pageOfIds = () => Promise.reject(new Error('D1 is away'));
    expect((await send('POST', '/v1/container/hello', hello)).status).toBe(503);
    await settled();
    expect(calls).toEqual([]);
    expect(log).toMatchObject([{ level: 'error', event: 'hello.page_failed' }]);
  });

  test('of which a later page cannot be read has informed the towns of the pages before', async () => {
    const { send, calls, settled, edge, log } = await makeScene();
    for (let nth = 10; nth < 158; nth += 1) {
      await edge.directory.create({ id: townId(nth), name: 'n', owner: 'o', createdAtMs: NOW_MS });
    }
    const pageOf = edge.directory.pageOfIds.bind(edge.directory);
    edge.directory.pageOfIds = (after, limit) => (after === '' ? pageOf(after, limit) : Promise.reject(new Error('x')));
    expect((await send('POST', '/v1/container/hello', hello)).status).toBe(202);
    await settled();
    expect(calls).toHaveLength(100);
    expect(log).toMatchObject([{ level: 'error', event: 'hello.page_failed' }]);
  });

  test('with another secret is 401, reaches no town, and its body is not read', async () => {
    const { send, calls, settled } = await makeScene();
    for (const json of [{ version: 1 }, { version: 'x' }]) {
      const response = await send('POST', '/v1/container/hello', { bearer: `${CONTAINER_SECRET}x`, json });
      expect(response.status).toBe(401);
    }
    await settled();
    expect(calls).toEqual([]);
  });
});
