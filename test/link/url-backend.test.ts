import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ControlClient } from '../../src/link/control-client.ts';
import { urlBackend } from '../../src/link/url-backend.ts';
import { agentId, containerName, sessionId } from '../support/ids.ts';

/** A loopback server that redirects everything to another path of itself, and keeps what it was asked. */
const asked: { method: string; path: string; authorization: string | undefined }[] = [];
let server: Server;
let origin: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push({
      method: request.method ?? '',
      path: request.url ?? '',
      authorization: request.headers.authorization,
    });
    if (request.url === '/silent') return;
    response.writeHead(307, { location: '/elsewhere' });
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  origin = typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : '';
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe('a control server at an address', () => {
  test('counts as running, and waking it does nothing (T10)', () => {
    const backend = urlBackend([origin], 0);
    expect(backend.running()).toBe(true);
    expect(backend.wake()).toBeUndefined();
    expect(asked).toEqual([]);
  });

  test('is one of those that are configured, by the index of its container, around and around', async () => {
    const unreachable = 'http://127.0.0.1:1';
    for (const [index, reaches] of [
      [0, true],
      [1, false],
      [2, true],
      [7, false],
    ] as const) {
      const before = asked.length;
      const answer = await urlBackend([origin, unreachable], index)
        .fetch('/health', {})
        .catch(() => null);
      await answer?.body?.cancel();
      expect(asked.length > before, String(index)).toBe(reaches);
    }
  });

  test('cannot send a token elsewhere by a redirect', async () => {
    asked.length = 0;
    const client = new ControlClient(urlBackend([origin], 0), async () => 'push.token', containerName(1), 1000);
    const answer = await client.call('stop', sessionId(1), { agent: agentId(1), body: { inc: 1 } });
    expect(answer).toMatchObject({ kind: 'unreachable', reason: 'refused' });
    expect(asked).toEqual([{ method: 'POST', path: `/agents/${agentId(1)}/stop`, authorization: 'Bearer push.token' }]);
  });

  test('that does not answer ends in a timeout, and one that refuses the connection in a failed transport', async () => {
    const quick = (address: string, timeoutMs: number) =>
      new ControlClient(
        { ...urlBackend([address], 0), fetch: (_, init) => urlBackend([address], 0).fetch('/silent', init) },
        async () => 'push.token',
        containerName(1),
        timeoutMs,
      ).health();
    expect(await quick(origin, 50)).toMatchObject({ kind: 'unreachable', reason: 'timeout' });
    expect(await quick('http://127.0.0.1:1', 5000)).toMatchObject({ kind: 'unreachable', reason: 'transport' });
  });
});
