import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { problemSchema } from '#protocol';
import { OWN, makeScene } from '../../support/fake-edge.ts';
import { openAiErrorSchema } from '../../../src/http/openai/error-shape.ts';

const scene = await makeScene();
const ask = (method: string, path: string) => scene.send(method, path, { bearer: null });
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
/** Routes without credentials, which the description of the API leaves out. */
const PUBLIC = ['/', '/healthz', '/openapi.json', '/.well-known/jwks.json', '/.well-known/openid-configuration'];

/** What each path takes, as the API describes itself. */
async function described(): Promise<[path: string, methods: string[]][]> {
  const document = z.object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) });
  const { paths } = document.parse(await (await ask('GET', '/openapi.json')).json());
  const routes = Object.entries(paths).map(([path, item]): [string, string[]] => [
    path.replaceAll(/\{\w+\}/g, 'x'),
    Object.keys(item).map((method) => method.toUpperCase()),
  ]);
  return [...routes, ...PUBLIC.map((path): [string, string[]] => [path, ['GET']])];
}

/** Of a problem document, or of an error of OpenAI's shape. */
const codeOf = async (response: Response): Promise<string | null> => {
  const body: unknown = await response.json();
  const error = openAiErrorSchema.safeParse(body);
  return error.success ? error.data.error.code : problemSchema.parse(body).code;
};
const allowed = (response: Response): string[] => (response.headers.get('allow') ?? '').split(', ').toSorted();
/** With a GET comes a HEAD, and everything has an OPTIONS. */
const allowOf = (methods: readonly string[]): string[] =>
  [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].toSorted();

describe('a path that is there', () => {
  test('answers a method that it does not take with 405 and all that it takes, without credentials too', async () => {
    const routes = await described();
    expect(routes.length).toBeGreaterThan(20);
    for (const [path, methods] of routes) {
      for (const method of METHODS.filter((one) => !methods.includes(one))) {
        const response = await ask(method, path);
        expect([response.status, allowed(response)], `${method} ${path}`).toEqual([405, allowOf(methods)]);
        expect(await codeOf(response)).toBe('method_not_allowed');
      }
    }
    expect(scene.calls).toEqual([]);
  });

  test('tells what it takes where it is asked with OPTIONS', async () => {
    for (const [path, methods] of await described()) {
      const response = await ask('OPTIONS', path);
      expect([response.status, allowed(response)], path).toEqual([204, allowOf(methods)]);
      expect(await response.text()).toBe('');
    }
  });

  test('answers HEAD like GET, without a body', async () => {
    for (const [method, path, status] of [
      ['HEAD', '/healthz', 200],
      ['HEAD', `/v1/towns/${OWN}`, 401],
      ['HEAD', '/v1/agent/heartbeat', 405],
    ] as const) {
      const response = await ask(method, path);
      expect([response.status, await response.text()], path).toEqual([status, '']);
    }
    expect(allowed(await ask('HEAD', '/v1/agent/heartbeat'))).toEqual(['OPTIONS', 'POST']);
  });
});

describe('a path that is not there', () => {
  test('is distinguished from a thing that is not there or not yours, whatever the method', async () => {
    for (const path of [
      '/nowhere',
      '/v1/towns/',
      '/v1/town',
      `/v1/towns/${OWN}/nowhere`,
      '/v1/agent/mail/x',
      '/openai/v1/x',
    ]) {
      for (const method of [...METHODS, 'OPTIONS', 'BREW']) {
        const response = await ask(method, path);
        expect(response.status, `${method} ${path}`).toBe(404);
        expect(response.headers.get('allow')).toBeNull();
        expect(await codeOf(response)).toBe('unknown_path');
      }
    }
    const stranger = await scene.send('GET', '/v1/towns/town_00000000000000000000');
    expect([stranger.status, await codeOf(stranger)]).toEqual([404, 'not_found']);
  });
});
