/** What the client does where the server asks for patience, is not reached, or is not what answers. */
import { describe, expect, test } from 'vitest';
import { ApiError, createClient, Unreachable, type StreamState } from '../../client/index.ts';
import { settle } from '../container/support/manual-clock.ts';
import { agentId } from '../support/ids.ts';
import { FakeStream } from './support/fake-stream.ts';

const URL = 'http://reeve.test';
const PROBLEM = { type: 'about:blank', title: 'A limit is reached' };
type Step = Response | Error | 'hangs';

/** A server that answers one step after the other, and the last for ever. */
function before(...steps: readonly Step[]) {
  const stream = new FakeStream();
  const requests: { path: string; authorization: string; body: string }[] = [];
  const fetch = async (address: string, init: RequestInit): Promise<Response> => {
    const { authorization = '' } = Object.fromEntries(new Headers(init.headers));
    const body = typeof init.body === 'string' ? init.body : '';
    requests.push({ path: address.slice(URL.length), authorization, body });
    const step = steps[Math.min(requests.length, steps.length) - 1];
    if (step === 'hangs') {
      return new Promise((_, reject) => {
        init.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
      });
    }
    if (step === undefined || step instanceof Error) throw step ?? new Error('no step');
    return step.clone();
  };
  let asked = 0;
  const token = (): string => `t-${(asked += 1)}`;
  const client = createClient({ url: URL, token, fetch }, stream.outside);
  return { client, clock: stream.clock, requests, stream };
}

const refusal = (status: number, code: string, retryAfter?: string): Response =>
  new Response(JSON.stringify({ ...PROBLEM, status, code }), {
    status,
    headers: { 'x-request-id': 'r-1', ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }) },
  });
const good = (): Response => Response.json({ id: 'x', state: 'done' });
const broken = new TypeError('fetch failed');

/** What became of it, or that nothing did. */
function outcomeOf(promise: Promise<unknown>): { now: unknown } {
  const outcome: { now: unknown } = { now: 'pending' };
  promise.then(
    (value) => (outcome.now = value),
    (thrown: unknown) => (outcome.now = thrown),
  );
  return outcome;
}

describe('what may be repeated', () => {
  test('is repeated after the time that the server names, with a token that is asked for anew', async () => {
    const { client, clock, requests } = before(refusal(503, 'unavailable', '5'), good());
    const outcome = outcomeOf(client.getTown('t'));
    await clock.advance(4999);
    expect([requests.length, outcome.now]).toEqual([1, 'pending']);
    await clock.advance(1);
    expect(outcome.now).toMatchObject({ id: 'x' });
    expect(requests.map(({ authorization }) => authorization)).toEqual(['Bearer t-1', 'Bearer t-2']);
  });

  test('is given up after four tries, with what the last one met', async () => {
    const { client, clock, requests } = before(broken);
    const outcome = outcomeOf(client.deleteTown('t'));
    await clock.advance(60_000);
    expect(requests).toHaveLength(4);
    expect(outcome.now).toMatchObject({ name: 'Unreachable', why: 'network', cause: broken });
  });

  test('waits ever longer where the server names no time', async () => {
    const { client, clock, requests } = before(broken);
    const outcome = outcomeOf(client.getTown('t'));
    const dueAfter: number[] = [];
    for (let nth = 0; nth < 3; nth += 1) {
      await settle();
      dueAfter.push(clock.nextInMs());
      await clock.advance(clock.nextInMs());
    }
    expect([dueAfter, requests.length]).toEqual([[300, 600, 1200], 4]);
    expect(outcome.now).toBeInstanceOf(Unreachable);
  });

  test('is a message too: every try has the same key', async () => {
    const { client, clock, requests } = before(broken, refusal(502, ''), good());
    const outcome = outcomeOf(client.sendMessage('t', 'ada', 'hello'));
    await clock.advance(10_000);
    expect(outcome.now).toMatchObject({ state: 'done' });
    expect(new Set(requests.map(({ body }) => body)).size).toBe(1);
    expect(requests).toHaveLength(3);
  });

  test('is every call that was refused for a limit: nothing came of it', async () => {
    const { client, clock, requests } = before(refusal(429, 'limit_exceeded', '1'), good());
    const outcome = outcomeOf(client.createTown({ name: 'a' }));
    await clock.advance(1000);
    expect([requests.length, outcome.now]).toEqual([2, { id: 'x', state: 'done' }]);
  });
});

describe('what is not repeated', () => {
  test.each([
    ['once by its name, which may be that of another by then', 'ada', 1],
    ['again by its id, which no other ever has', agentId(1), 4],
  ])('an agent is asked to be deleted %s', async (_, agent, tries) => {
    const { client, clock, requests } = before(broken);
    const outcome = outcomeOf(client.deleteAgent('t', agent));
    await clock.advance(60_000);
    expect(requests).toHaveLength(tries);
    expect(outcome.now).toMatchObject({ name: 'Unreachable', why: 'network' });
  });

  test.each([
    ['what could happen twice, where no answer came', broken, { name: 'Unreachable', why: 'network' }],
    ['the same, where the server may have begun', refusal(503, 'unavailable', '1'), { status: 503, retryAfter: 1 }],
  ])('%s', async (_, step, error) => {
    const { client, clock, requests } = before(step);
    const outcome = outcomeOf(client.createTown({ name: 'a' }));
    await clock.advance(60_000);
    expect(requests).toHaveLength(1);
    expect(outcome.now).toMatchObject(error);
  });

  test.each([
    ['a refusal that stays', refusal(409, 'name_taken')],
    ['a server that its operator has to configure', refusal(503, 'misconfigured', '5')],
    ['a server that asks for more than 30 s', refusal(503, 'unavailable', '31')],
    ['an error of the server', refusal(500, 'internal')],
    ['something else that answers 200', new Response('<html>', { status: 200 })],
  ])('%s', async (_, step) => {
    const { client, clock, requests } = before(step);
    outcomeOf(client.getTown('t'));
    await clock.advance(120_000);
    expect(requests).toHaveLength(1);
  });
});

describe('an error', () => {
  test('has what the server says', async () => {
    const { client } = before(refusal(409, 'name_taken', '7'));
    const expected = { status: 409, code: 'name_taken', requestId: 'r-1', retryAfter: 7, message: PROBLEM.title };
    await expect(client.getTown('t')).rejects.toMatchObject(expected);
  });

  test('of a middlebox has no code', async () => {
    const { client } = before(new Response('<html>blocked</html>', { status: 403 }));
    await expect(client.getTown('t')).rejects.toMatchObject({ status: 403, code: '', message: 'HTTP 403' });
  });

  test('comes where nothing answers: after 30 s, and what the server was asked to wait', async () => {
    const { client, clock } = before('hangs');
    const outcome = outcomeOf(client.sendMessage('t', 'ada', 'hello', { waitSeconds: 20 }));
    await clock.advance(49_999);
    expect(clock.pending).toBe(1);
    await clock.advance(300_000);
    expect(outcome.now).toMatchObject({ name: 'Unreachable', why: 'timeout' });
    expect(clock.pending).toBe(0);
  });
});

describe('a signal', () => {
  test('ends a request under way, and it is not repeated', async () => {
    const { client, clock, requests } = before('hangs');
    const ending = new AbortController();
    const outcome = outcomeOf(client.getTown('t', { signal: ending.signal }));
    await settle();
    ending.abort(new Error('enough'));
    await settle();
    expect(outcome.now).toEqual(new Error('enough'));
    await clock.advance(60_000);
    expect([requests.length, clock.pending]).toEqual([1, 0]);
  });

  test('ends the wait before the next try', async () => {
    const { client, clock, requests } = before(broken);
    const ending = new AbortController();
    const outcome = outcomeOf(client.getTown('t', { signal: ending.signal }));
    await settle();
    ending.abort(new Error('enough'));
    await settle();
    expect([outcome.now, requests.length, clock.pending]).toEqual([new Error('enough'), 1, 0]);
  });
});

describe('waiting for a message', () => {
  test('goes on over as many requests as it takes, a second apart', async () => {
    const working = Response.json({ state: 'working' });
    const { client, clock, requests } = before(working, working, good());
    const outcome = outcomeOf(client.waitForMessage('t', 'ada', 'm'));
    await clock.advance(999);
    expect([requests.length, outcome.now]).toEqual([1, 'pending']);
    await clock.advance(1001);
    expect([requests.length, outcome.now]).toEqual([3, { id: 'x', state: 'done' }]);
  });
});

describe('following a town', () => {
  test('ends where tickets are refused, and says why', async () => {
    const { client, clock, stream, requests } = before(refusal(404, 'not_found'));
    const [states, errors]: [StreamState[], unknown[]] = [[], []];
    client.follow('t', {
      onEvent: () => undefined,
      onState: (state) => void states.push(state),
      onError: (error) => void errors.push(error),
    });
    await clock.advance(60_000);
    expect(states).toEqual([{ name: 'connecting' }, { name: 'ended', why: 'refused' }]);
    expect(errors).toEqual([expect.any(ApiError)]);
    expect([requests.map(({ path }) => path), stream.connections.length]).toEqual([['/v1/towns/t/tickets'], 0]);
  });

  test('goes on through a server that is away for a while', async () => {
    const ticket = { ticket: 'none', expires_at: '2030-01-01T00:00:00Z' };
    const { client, clock, stream } = before(broken, Response.json(ticket));
    const errors: unknown[] = [];
    const following = client.follow('t', { onEvent: () => undefined, onError: (error) => void errors.push(error) });
    await settle();
    expect([following.state, errors]).toEqual([{ name: 'waiting', retryInMs: 500 }, [expect.any(Unreachable)]]);
    await clock.advance(500);
    expect(stream.addresses).toEqual(['ws://reeve.test/v1/towns/t/stream?ticket=none']);
    following.close();
  });
});
