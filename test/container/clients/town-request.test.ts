import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { OutgoingRequest } from '../../../container/lib/platform.ts';
import { Secret } from '../../../src/lib/secret.ts';
import { requestTown, type TownRequest } from '../../../container/clients/town-request.ts';
import { AgentContext } from '../support/agent-scene.ts';
import { TOWN_URL, hang, page, problemAnswer } from '../support/fake-town-api.ts';

const answer = z.object({ taken: z.literal(7) });

function request(changes: Partial<TownRequest<{ taken: 7 }>> = {}): TownRequest<{ taken: 7 }> {
  const life = new AbortController().signal;
  return {
    method: 'POST',
    url: `${TOWN_URL}/v1/x`,
    bearer: new Secret('the-bearer'),
    body: '{}',
    answer,
    timeoutMs: 1_000,
    life,
    ...changes,
  };
}

describe('requestTown', () => {
  it('reads status, problem code and Retry-After', async () => {
    const { platform, town } = new AgentContext();
    town.intercept = () => problemAnswer('limit_exceeded', { 'retry-after': '7' });
    expect(await requestTown(platform, request())).toMatchObject({
      kind: 'refused',
      status: 429,
      code: 'limit_exceeded',
      retryAfterMs: 7_000,
    });
    town.intercept = () => new Response('<html>', { status: 502, headers: { 'retry-after': '999999' } });
    expect(await requestTown(platform, request())).toEqual({
      kind: 'refused',
      status: 502,
      code: null,
      retryAfterMs: 300_000,
    });
  });

  it('T9: sends nothing for a life that is over', async () => {
    const { platform, town } = new AgentContext();
    expect(await requestTown(platform, request({ life: AbortSignal.abort() }))).toEqual({
      kind: 'unreachable',
      reason: 'ended',
    });
    expect(town.requests).toEqual([]);
  });

  it('a 2xx is an answer only where it says what this very request waits for', async () => {
    const { platform, town } = new AgentContext();
    const answers: [Response, unknown][] = [
      [Response.json({ taken: 7, more: 1 }, { status: 202 }), { kind: 'ok', value: { taken: 7 } }],
      [page(), { kind: 'unreachable', reason: 'malformed' }],
      [new Response(null, { status: 204 }), { kind: 'unreachable', reason: 'malformed' }],
      [Response.json({ taken: 8 }), { kind: 'unreachable', reason: 'malformed' }],
      [Response.json(JSON.parse(await problemAnswer('internal').text())), { kind: 'unreachable', reason: 'malformed' }],
    ];
    for (const [sent, read] of answers) {
      town.intercept = () => sent;
      expect(await requestTown(platform, request())).toEqual(read);
    }
  });

  it('is a span of its own in the trace that it is sent for, and names none otherwise', async () => {
    const { platform, town } = new AgentContext();
    await requestTown(platform, request());
    await requestTown(platform, request({ traceparent: `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01` }));
    const sent = town.requests.map(({ traceparent }) => traceparent);
    expect(sent).toEqual([null, `00-${'ab'.repeat(16)}-${'07'.repeat(8)}-01`]);
  });

  it('follows no redirect: the bearer stays with the town', async () => {
    const { platform } = new AgentContext();
    const sent: OutgoingRequest[] = [];
    const fetch = (_url: string, init: OutgoingRequest): Promise<Response> => {
      sent.push(init);
      return Promise.resolve(new Response(null, { status: 302, headers: { location: 'https://evil.example' } }));
    };
    expect(await requestTown({ ...platform, fetch }, request())).toMatchObject({ kind: 'refused', status: 302 });
    expect(sent.map(({ redirect }) => redirect)).toEqual(['manual']);
  });

  it('gives up at the timeout, also in the middle of a body, and cancels the request', async () => {
    const { platform, town, clock } = new AgentContext();
    const half = new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode('{"a":')) });
    let signal: AbortSignal | undefined;
    town.intercept = () => new Response(half);
    const fetch: typeof platform.fetch = (url, init) => {
      ({ signal } = init);
      return town.fetch(url, init);
    };
    const answer = requestTown({ ...platform, fetch }, request());
    await clock.advance(1_000);
    expect(await answer).toEqual({ kind: 'unreachable', reason: 'timeout' });
    expect(signal?.aborted).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('W-17: ends with the life that it belongs to', async () => {
    const { platform, town, clock, log } = new AgentContext();
    town.intercept = hang;
    const life = new AbortController();
    const answer = requestTown(platform, request({ life: life.signal }));
    life.abort();
    expect(await answer).toEqual({ kind: 'unreachable', reason: 'ended' });
    expect(clock.pending).toBe(0);
    expect(log.lines).toEqual([]);
  });

  it('W-22: a network failure is logged with its code and the path, never with what was sent', async () => {
    const { platform, town, log } = new AgentContext();
    town.intercept = () =>
      Promise.reject(
        new TypeError('fetch failed: the-bearer', { cause: Object.assign(new Error(), { code: 'ECONNRESET' }) }),
      );
    expect(await requestTown(platform, request())).toEqual({ kind: 'unreachable', reason: 'network' });
    expect(log.lines).toMatchObject([
      { level: 'warn', event: 'town_unreachable', fields: { code: 'ECONNRESET', path: '/v1/x' } },
    ]);
    expect(log.text()).not.toContain('the-bearer');
  });
});
