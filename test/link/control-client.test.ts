import { beforeEach, describe, expect, test } from 'vitest';
import { MAX_CONTROL_ANSWER_BYTES, MAX_RETRY_AFTER_MS, type ControlProblemCode, type IssuedToken } from '#protocol';
import type { PushSigner } from '../../src/link/container-link.ts';
import { ControlClient } from '../../src/link/control-client.ts';
import { sha256 } from '../../src/lib/secret.ts';
import { FakeControl, problemText } from '../support/fake-control.ts';
import { agentId, bootId, containerName, messageId, sessionId } from '../support/ids.ts';

const AGENT = agentId(1);
const SESSION = sessionId(1);
const CONTAINER = containerName(1);
const TOKEN = 'signed.push.token';
const ISSUED: IssuedToken = {
  agent: AGENT,
  inc: 1,
  gen: 2,
  jti: 'jti-0001',
  token: 'agent.token.text',
  issued_at: '2030-01-01T00:00:00Z',
  expires_at: '2030-01-01T03:00:00Z',
};
const SWAP = { agent: AGENT, inc: 1, gen: 2, outcome: 'applied' };

let control: FakeControl;
let signed: Parameters<PushSigner>[0][];

beforeEach(() => {
  control = new FakeControl();
  signed = [];
});

const client = (timeoutMs = 5000) =>
  new ControlClient(
    control.backend,
    async (request) => {
      signed.push(request);
      return TOKEN;
    },
    CONTAINER,
    timeoutMs,
  );

/** What the client makes of one answer to a refresh. */
async function outcomeOf(answer: Response | (() => Promise<Response>), timeoutMs = 5000) {
  control.instead = typeof answer === 'function' ? answer : () => answer;
  return client(timeoutMs).call('refreshOne', SESSION, { agent: AGENT, body: { grant: ISSUED } });
}
const json = (value: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json', ...headers } });
const problem = (code: ControlProblemCode, status: number, headers: Record<string, string> = {}) =>
  new Response(problemText(code), { status, headers });

describe('a request into a container', () => {
  test('health carries no token and no body', async () => {
    expect(await client().health()).toEqual({
      kind: 'answered',
      value: { status: 'ok', version: 1, boot: control.boot },
    });
    expect(control.last).toMatchObject({ method: 'GET', path: '/health', authorization: null, body: '' });
    expect(signed).toEqual([]);
  });

  test('every other one carries a token that is signed for this audience, method, path and body', async () => {
    const calls: [string, string, string, () => Promise<unknown>][] = [
      [
        'POST',
        `/agents/${AGENT}/refresh-token`,
        SESSION,
        () => client().call('refreshOne', SESSION, { agent: AGENT, body: { grant: ISSUED } }),
      ],
      [
        'POST',
        '/agents/refresh-tokens',
        SESSION,
        () => client().call('refreshMany', SESSION, { agent: null, body: { grants: [ISSUED] } }),
      ],
      [
        'POST',
        `/agents/${AGENT}/stop`,
        SESSION,
        () => client().call('stop', SESSION, { agent: AGENT, body: { inc: 1 } }),
      ],
      [
        'POST',
        `/agents/${AGENT}/retire`,
        SESSION,
        () => client().call('retire', SESSION, { agent: AGENT, body: { inc: 1 } }),
      ],
      [
        'POST',
        `/agents/${AGENT}/start`,
        SESSION,
        () =>
          client().call('start', SESSION, {
            agent: AGENT,
            body: { inc: 1, name: 'ada', role: 'worker', grant: ISSUED, runtime: null, earlier: [] },
          }),
      ],
      [
        'POST',
        `/agents/${AGENT}/messages`,
        SESSION,
        () =>
          client().call('deliver', SESSION, {
            agent: AGENT,
            body: {
              inc: 1,
              grant: ISSUED,
              messages: [
                {
                  message: messageId(1),
                  attempt: 1,
                  seq: 1,
                  content: 'hällo',
                  sender: 'person:dev',
                  traceparent: null,
                },
              ],
            },
          }),
      ],
      [
        'PUT',
        '/session',
        bootId(1),
        () =>
          client().openSession(bootId(1), {
            version: 1,
            container: CONTAINER,
            session: SESSION,
            epoch: 1,
            secret: 's'.repeat(43),
            heartbeat_seconds: 30,
          }),
      ],
    ];
    for (const [method, path, audience, call] of calls) {
      await call();
      expect(control.last, path).toMatchObject({
        method,
        path,
        authorization: `Bearer ${TOKEN}`,
        contentType: 'application/json',
      });
      const bodyDigest = await sha256(control.last?.body ?? '');
      expect(signed.at(-1), path).toEqual({ audience, container: CONTAINER, method, path, bodyDigest });
    }
  });

  test('is not sent where its token cannot be signed', async () => {
    const failing = new ControlClient(control.backend, () => Promise.reject(new Error('no keys')), CONTAINER, 5000);
    expect(await failing.call('refreshOne', SESSION, { agent: AGENT, body: { grant: ISSUED } })).toMatchObject({
      kind: 'unreachable',
      reason: 'transport',
    });
    expect(control.requests).toEqual([]);
  });
});

describe('an answer', () => {
  test('of the right shape is an answer, with 200 and with the statuses of outcomes', async () => {
    for (const status of [200, 201, 404, 409, 410]) {
      expect(await outcomeOf(json(SWAP, status)), String(status)).toEqual({ kind: 'answered', value: SWAP });
    }
  });

  test('of the right shape counts for nothing with any other status', async () => {
    expect(await outcomeOf(json(SWAP, 401))).toMatchObject({ kind: 'unreachable', reason: 'refused' });
    expect(await outcomeOf(json(SWAP, 500))).toMatchObject({ kind: 'unreachable', reason: 'server_error' });
  });

  test('of an unknown session is distinguished from all other refusals', async () => {
    expect(await outcomeOf(problem('unknown_session', 409))).toEqual({ kind: 'session_unknown' });
    expect(await outcomeOf(problem('stale_session', 409))).toMatchObject({ kind: 'unreachable', reason: 'refused' });
    expect(await outcomeOf(problem('unknown_session', 404))).toMatchObject({ kind: 'unreachable', reason: 'refused' });
  });

  test('that refuses is named by status and code, and nothing else of it is kept', async () => {
    const statuses = [
      [400, 'invalid_request'],
      [403, 'unauthorized'],
      [404, 'not_found'],
      [413, 'payload_too_large'],
    ] as const;
    for (const [status, code] of statuses) {
      expect(await outcomeOf(problem(code, status))).toEqual({
        kind: 'unreachable',
        reason: 'refused',
        retryAfterMs: 0,
        // What is in the request, or something on the way that copied a code; a route that is not there says nothing of it.
        ...(status === 404 ? {} : { rejected: status }),
        detail: `${status} ${code}`,
        // Of these, the control server refuses two for what is in the request.
        ...(status === 400 || status === 413 ? { rejected: status } : {}),
      });
    }
  });

  test('A-27: a 401 of the control server is distinguished by its code; a 401 of anything else is a refusal', async () => {
    expect(await outcomeOf(problem('unauthorized', 401))).toEqual({
      kind: 'unreachable',
      reason: 'unauthorized',
      retryAfterMs: 0,
      detail: '401 unauthorized',
    });
    for (const other of [problem('not_found', 401), new Response('<html>sign in</html>', { status: 401 })]) {
      expect(await outcomeOf(other)).toMatchObject({ kind: 'unreachable', reason: 'refused' });
    }
  });

  test('of something on the way is distinguished from what the control server refuses, by code and status together', async () => {
    const rejectedOf = async (answer: Response) => {
      const outcome = await outcomeOf(answer);
      return outcome.kind === 'unreachable' ? outcome.rejected : outcome.kind;
    };
    for (const status of [400, 401, 403, 404, 409, 410, 411, 413, 414, 421, 422, 431, 451, 499]) {
      expect(await rejectedOf(new Response('<html>', { status })), `html ${status}`).toBe(status);
      expect(await rejectedOf(json({ code: 'forbidden' }, status)), `json ${status}`).toBe(status);
    }
    // A code of the control server with a status that it never comes with was copied, not meant.
    expect(await rejectedOf(problem('unauthorized', 403))).toBe(403);
    for (const status of [200, 302, 408, 425, 429, 500, 502, 503]) {
      expect(await rejectedOf(new Response('<html>', { status })), String(status)).toBeUndefined();
    }
    for (const [code, status] of [
      ['unauthorized', 401],
      ['not_found', 404],
      ['stale_session', 409],
    ] as const) {
      expect(await rejectedOf(problem(code, status)), code).toBeUndefined();
    }
  });

  test('500 and above is a failure of the server, and 503 and 429 say that it is busy, or drains', async () => {
    expect(await outcomeOf(problem('internal', 500))).toMatchObject({ reason: 'server_error', detail: '500 internal' });
    expect(await outcomeOf(new Response('bad gateway', { status: 502 }))).toMatchObject({
      reason: 'server_error',
      detail: '502 no problem document',
    });
    expect(await outcomeOf(problem('request_timeout', 408))).toMatchObject({ reason: 'server_error' });
    expect(await outcomeOf(problem('no_room', 503))).toMatchObject({ reason: 'busy', retryAfterMs: 0 });
    expect(await outcomeOf(problem('shutting_down', 503))).toMatchObject({ reason: 'draining', retryAfterMs: 0 });
    expect(await outcomeOf(new Response(null, { status: 429 }))).toMatchObject({ reason: 'busy', retryAfterMs: 0 });
  });

  test('Retry-After is taken in seconds, up to five minutes, and anything else counts as none', async () => {
    const wait = async (value: string) => {
      const answer = await outcomeOf(new Response(null, { status: 429, headers: { 'retry-after': value } }));
      return answer.kind === 'unreachable' ? answer.retryAfterMs : null;
    };
    expect(await wait('30')).toBe(30_000);
    expect(await wait('300')).toBe(MAX_RETRY_AFTER_MS);
    expect(await wait('86400')).toBe(MAX_RETRY_AFTER_MS);
    for (const odd of ['-5', '0', 'soon', 'Wed, 21 Oct 2030 07:28:00 GMT', 'NaN', 'Infinity']) {
      expect(await wait(odd), odd).toBe(0);
    }
  });

  test('that is no JSON, of another shape, or empty is a failure of the way, never a success', async () => {
    const bodies = [
      '<html>proxy</html>',
      '',
      '{',
      'null',
      '[]',
      '{"agent":1}',
      JSON.stringify({ ...SWAP, outcome: 'new' }),
    ];
    for (const body of bodies) {
      expect(await outcomeOf(new Response(body)), body).toMatchObject({ kind: 'unreachable', reason: 'transport' });
    }
  });

  test('text of the container never reaches the detail', async () => {
    const body = JSON.stringify({
      type: 'x',
      title: 'agent.token.text',
      status: 400,
      code: 'c'.repeat(500),
      detail: 'agent.token.text',
    });
    const answer = await outcomeOf(new Response(body, { status: 400 }));
    expect(answer).toMatchObject({ detail: `400 ${'c'.repeat(64)}` });
  });

  test('may be as long as the results of a full delivery, and not a byte longer', async () => {
    const results = (size: number) => {
      const [before, after] = [`{"results":[${JSON.stringify(SWAP)}],"pad":"`, '"}'];
      return before + 'x'.repeat(size - before.length - after.length) + after;
    };
    control.instead = () => new Response(results(MAX_CONTROL_ANSWER_BYTES));
    expect(await client().call('refreshMany', SESSION, { agent: null, body: { grants: [ISSUED] } })).toMatchObject({
      kind: 'answered',
    });
    control.instead = () => new Response(results(MAX_CONTROL_ANSWER_BYTES + 1));
    expect(await client().call('refreshMany', SESSION, { agent: null, body: { grants: [ISSUED] } })).toMatchObject({
      kind: 'unreachable',
      reason: 'transport',
    });
  });

  test('a redirect is no answer, and is not followed', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      const elsewhere = new Response(null, { status, headers: { location: 'https://attacker.example.com/' } });
      expect(await outcomeOf(elsewhere)).toMatchObject({ kind: 'unreachable', reason: 'refused' });
    }
    expect(control.requests).toHaveLength(5);
  });
});

describe('silence', () => {
  const never = () => new Promise<Response>(() => undefined);

  test('ends in a typed timeout after the configured time', async () => {
    const answer = await outcomeOf(never, 30);
    expect(answer).toEqual({ kind: 'unreachable', reason: 'timeout', retryAfterMs: 0, detail: 'no answer in 30 ms' });
  });

  test('a network that fails is distinguished from it', async () => {
    const answer = await outcomeOf(() => Promise.reject(new TypeError('fetch failed')));
    expect(answer).toEqual({ kind: 'unreachable', reason: 'transport', retryAfterMs: 0, detail: 'fetch failed' });
  });

  test('a message rides along for at most 2 s, whatever the configured time', async () => {
    const started = performance.now();
    control.instead = never;
    const messages = [
      { message: messageId(1), attempt: 1, seq: 1, content: 'x', sender: 'person:dev', traceparent: null },
    ];
    const answer = await client(60_000).call('deliver', SESSION, {
      agent: AGENT,
      body: { inc: 1, grant: ISSUED, messages },
    });
    expect(answer).toMatchObject({ reason: 'timeout', detail: 'no answer in 2000 ms' });
    expect(performance.now() - started).toBeLessThan(4000);
  });
});
