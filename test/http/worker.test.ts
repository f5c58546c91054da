import { beforeEach, describe, expect, test, vi } from 'vitest';
import { problemSchema } from '#protocol';
import { createWorker } from '../../src/http/worker.ts';
import { newKey } from '../../src/tokens/key-edit.ts';
import { bindings, loopbackBindings, type Bindings } from '../support/bindings.ts';
import { directoryDatabase } from '../support/sqlite.ts';

const context = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} };
const lines: string[] = [];

beforeEach(() => {
  lines.length = 0;
  for (const method of ['log', 'warn', 'error'] as const) {
    vi.spyOn(console, method).mockImplementation((line: unknown) => void lines.push(String(line)));
  }
  return () => vi.restoreAllMocks();
});

/** A Worker with these variables, as the platform calls it. */
function workerWith(variables: Bindings) {
  const env = { ...variables, DIRECTORY: directoryDatabase(), TOWN: {}, AGENT_CONTAINER: {} };
  const { fetch } = createWorker();
  return async (path: string): Promise<Response> => {
    // The handler's type is the platform's, which is not among the types of these tests.
    // oxlint-disable-next-line typescript/no-unsafe-call
    const answer: unknown = await fetch?.(new Request(`https://reeve.example.com${path}`), env, context);
    if (!(answer instanceof Response)) throw new Error('a Worker answers');
    return answer;
  };
}

describe('a Worker', () => {
  test('with a good configuration serves', async () => {
    const response = await workerWith(bindings())('/healthz');
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ status: 'ok' });
    expect(lines).toEqual([]);
  });

  test('with a bad configuration answers 503 on every path, with each variable and its rule', async () => {
    const fetch = workerWith(bindings({ PUBLIC_URL: 'http://reeve.example.com', TOKEN_TTL_SECONDS: '60000' }));
    for (const path of ['/healthz', '/', '/v1/towns', '/.well-known/jwks.json', '/openapi.json']) {
      const response = await fetch(path);
      expect(response.status, path).toBe(503);
      expect(response.headers.get('retry-after')).toBe('5');
      expect(problemSchema.parse(await response.json())).toMatchObject({
        code: 'misconfigured',
        request_id: expect.stringMatching(/^[\w-]{8,}$/),
        errors: [
          { path: 'PUBLIC_URL', message: 'must be https, or http on loopback' },
          {
            path: 'TOKEN_TTL_SECONDS',
            message: 'must be whole seconds, 900 to 28800 (on loopback from 10), e.g. 10800',
          },
        ],
      });
    }
  });

  test('with keys that cannot be used answers 503 on every path too, not 500 with the first token', async () => {
    const [one, two] = await Promise.all([newKey('active'), newKey('active')]);
    for (const key of [
      { ...one, kid: two.kid },
      { ...one, d: two.d },
    ]) {
      const fetch = workerWith(bindings({ SIGNING_KEYS: JSON.stringify({ keys: [key] }) }));
      for (const path of ['/healthz', '/.well-known/jwks.json', '/v1/agent/heartbeat']) {
        const response = await fetch(path);
        expect(response.status, path).toBe(503);
        const text = await response.text();
        expect(problemSchema.parse(JSON.parse(text))).toMatchObject({
          code: 'misconfigured',
          errors: [{ path: 'SIGNING_KEYS', message: expect.stringContaining('RFC 7638') }],
        });
        expect(text + lines.join('\n')).not.toContain(key.d);
      }
    }
    expect(lines).toHaveLength(2);
  });

  test('watches its towns when the platform rings it, and with a bad configuration watches nothing', async () => {
    const ring = async (variables: Bindings) => {
      const env = { ...variables, DIRECTORY: directoryDatabase(), TOWN: {}, AGENT_CONTAINER: {} };
      const { scheduled } = createWorker();
      // The handler's type is the platform's, which is not among the types of these tests.
      // oxlint-disable-next-line typescript/no-unsafe-call
      await scheduled?.({ cron: '17 * * * *', scheduledTime: 0, noRetry: () => undefined }, env, context);
      return lines.splice(0).map((line) => (JSON.parse(line) as { event: string }).event);
    };
    expect(await ring(bindings())).toEqual(['watchdog.done']);
    expect(await ring(bindings({ HEARTBEAT_SECONDS: '0' }))).toEqual(['config.refused']);
  });

  test('never shows a value of its configuration, in the answer or in the log', async () => {
    const mark = 'zx81-marker';
    const broken: Bindings = { PUBLIC_URL: mark, SIGNING_KEYS: mark, CONTAINER_SECRET: mark, REEVE_DEV_TOKEN: mark };
    for (const [variable, value] of Object.entries(broken)) {
      const response = await workerWith(loopbackBindings({ [variable]: value }))('/healthz');
      const text = await response.text();
      expect(response.status, variable).toBe(503);
      expect(text).toContain(variable);
      expect(text + lines.join('\n')).not.toContain(mark);
    }
  });

  test('logs a bad configuration once per isolate, not once per request', async () => {
    const fetch = workerWith(bindings({ HEARTBEAT_SECONDS: '0', AGENTS_PER_CONTAINER: '0' }));
    for (let nth = 0; nth < 5; nth += 1) await fetch('/healthz');
    expect(lines).toEqual([
      '{"level":"error","event":"config.refused","variable":"HEARTBEAT_SECONDS","rule":"must be whole seconds, 1 to 3600, e.g. 30"}',
      '{"level":"error","event":"config.refused","variable":"AGENTS_PER_CONTAINER","rule":"must be a whole number, 1 to 100, e.g. 8"}',
    ]);
  });
});
