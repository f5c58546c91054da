import { describe, expect, test } from 'vitest';
import { PROBLEMS, problemSchema, type ProblemCode } from '#protocol';
import { Refusal, problemResponse } from '../../../src/http/edge/problem.ts';
import { makeScene } from '../../support/fake-edge.ts';

/** What the object keys of a table are, without losing their type. */
const CODES = problemCodes();
function problemCodes(): ProblemCode[] {
  const codes: ProblemCode[] = [];
  for (const code in PROBLEMS) if (isCode(code)) codes.push(code);
  return codes;
}
function isCode(code: string): code is ProblemCode {
  return code in PROBLEMS;
}

describe('a problem document', () => {
  test('has the status and title of its code, the code itself and the id of the request', async () => {
    for (const code of CODES) {
      const response = problemResponse(code, 'req-1', { detail: 'why' });
      expect(response.status, code).toBe(PROBLEMS[code].status);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(response.headers.get('x-request-id')).toBe('req-1');
      expect(problemSchema.parse(await response.json())).toEqual({
        type: 'about:blank',
        ...PROBLEMS[code],
        code,
        detail: 'why',
        request_id: 'req-1',
      });
    }
  });

  test('is never kept by a cache', () => {
    for (const code of CODES)
      expect(problemResponse(code, undefined).headers.get('cache-control'), code).toBe('no-store');
  });

  test('challenges without an error where there were no credentials, with one where they were bad, and names a missing scope', () => {
    const challenge = (code: ProblemCode) => problemResponse(code, undefined).headers.get('www-authenticate');
    expect(challenge('unauthenticated')).toBe('Bearer realm="reeve"');
    expect(challenge('invalid_token')).toBe('Bearer realm="reeve", error="invalid_token"');
    for (const code of ['agent_retired', 'agent_revoked', 'agent_stopped', 'incarnation_superseded'] as const) {
      expect(challenge(code), code).toBe('Bearer realm="reeve", error="invalid_token"');
    }
    expect(challenge('insufficient_scope')).toBe('Bearer realm="reeve", error="insufficient_scope"');
    for (const code of CODES) {
      const { status } = PROBLEMS[code];
      if (status !== 401 && status !== 403) expect(challenge(code), code).toBeNull();
    }
  });

  test('says when to come again with 429 and 503, and with nothing else', () => {
    for (const code of CODES) {
      const retryAfter = problemResponse(code, undefined).headers.get('retry-after');
      const { status } = PROBLEMS[code];
      if (status === 429 || status === 503) expect(Number(retryAfter), code).toBeGreaterThan(0);
      else expect(retryAfter, code).toBeNull();
    }
  });

  test('a refusal carries its code, and no message that could quote anything', () => {
    expect(new Refusal('invalid_token')).toMatchObject({ code: 'invalid_token', status: 401, message: '', extra: {} });
  });
});

describe('what the edge answers when it cannot serve', () => {
  test('a path that is not there is 404 and a method that is not there 405, without credentials too', async () => {
    const { send } = await makeScene();
    for (const [method, path, status, code] of [
      ['GET', '/nowhere', 404, 'unknown_path'],
      ['PUT', '/v1/towns', 405, 'method_not_allowed'],
      ['GET', '/v1/agent/heartbeat', 405, 'method_not_allowed'],
      ['GET', '/v1/towns/', 404, 'unknown_path'],
    ] as const) {
      const response = await send(method, path, { bearer: null });
      expect(response.status, path).toBe(status);
      expect(problemSchema.parse(await response.json())).toMatchObject({
        code,
        request_id: expect.any(String),
      });
    }
  });

  test('a failure inside is 500, in the log under the id that the caller got, and not in the answer', async () => {
    const scene = await makeScene();
    scene.town.instead = () => {
      throw new Error('the database said: secret row 17');
    };
    const response = await scene.send('GET', `/v1/towns/${scene.town.id}`);
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toContain('secret row');
    const { request_id: id } = problemSchema.parse(JSON.parse(text));
    expect(scene.log.at(-1)).toMatchObject({
      level: 'error',
      event: 'request.failed',
      fields: { request_id: id, error: 'the database said: secret row 17' },
    });
  });

  test('an object that is replaced or overloaded is 503 with advice, not 500', async () => {
    const scene = await makeScene();
    for (const sign of [{ retryable: true }, { overloaded: true }]) {
      scene.town.instead = () => {
        throw Object.assign(new Error('reset'), sign);
      };
      const response = await scene.send('GET', `/v1/towns/${scene.town.id}`);
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('5');
      expect(problemSchema.parse(await response.json()).code).toBe('unavailable');
    }
  });

  test('every answer names its request, by the id that a proxy gave it where there is one', async () => {
    const { send, town } = await makeScene();
    const given = await send('GET', `/v1/towns/${town.id}`, { headers: { 'x-request-id': 'proxy-17' } });
    expect(given.headers.get('x-request-id')).toBe('proxy-17');
    for (const [path, bearer] of [
      ['/healthz', null],
      ['/v1/towns', null],
      ['/v1/towns?limit=0', undefined],
      ['/nowhere', null],
    ] as const) {
      const response = await send('GET', path, bearer === undefined ? {} : { bearer });
      expect(response.headers.get('x-request-id'), path).toMatch(/^[\w=-]{8,}$/);
    }
    const odd = await send('GET', '/healthz', { headers: { 'x-request-id': 'a b\tc' } });
    expect(odd.headers.get('x-request-id')).not.toContain(' ');
  });
});
