import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { afterEach, describe, expect, test } from 'vitest';
import type { After } from '../../src/lib/clock.ts';
import { Secret } from '../../src/lib/secret.ts';
import { POST_TIMEOUT_MS, postEvent, type PostOrder, type PostParts } from '../../src/webhooks/post-event.ts';
import { drawSecret, secretOf } from '../../src/webhooks/secret.ts';
import { webhookId } from '../support/ids.ts';

const KEYS = [new Secret('a-key-of-the-deployment-for-webhooks'), new Secret('another-key-of-it-for-its-webhooks')];
const ID = webhookId(1);
const BODY = JSON.stringify({ type: 'reeve.turn.finished', data: { reply: 'ĝis, "tomorrow" 🌙' } });

interface Received {
  readonly headers: Record<string, string>;
  readonly body: string;
}

const NOTHING: Received = { headers: {}, body: '' };

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => void (await Promise.all(ends.splice(0).map((end) => end()))));

/** A receiver as they are: a server that reads what comes, and answers. */
async function receiver(
  answer: (response: ServerResponse, request: IncomingMessage) => void,
): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      received.push({ headers, body: Buffer.concat(chunks).toString('utf8') });
      answer(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  );
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, received };
}

const never: After = () => () => undefined;
const parts = (changes: Partial<PostParts> = {}): PostParts => ({
  keys: KEYS,
  loopback: true,
  clock: { now: () => Date.now() },
  after: never,
  ...changes,
});

async function orderTo(url: string, keys = KEYS): Promise<PostOrder & { text: string }> {
  const secret = await drawSecret(keys, ID);
  if (secret === null) throw new Error('there are keys');
  return { webhook: ID, url, secrets: [secret.ref], id: 'town_1_7_1', body: BODY, text: secret.text };
}

const takes = (response: ServerResponse): void => void response.writeHead(204).end();

describe('a post to a webhook', () => {
  test('is verified by the official library of Standard Webhooks, with the secret that was shown', async () => {
    const { url, received } = await receiver(takes);
    const { text, ...order } = await orderTo(url);
    expect(await postEvent(parts(), order)).toEqual({ kind: 'taken' });
    const [{ headers, body } = NOTHING] = received;
    expect(new Webhook(text).verify(body, headers)).toEqual(JSON.parse(BODY));
    expect(headers['webhook-id']).toBe('town_1_7_1');
    expect(headers['content-type']).toBe('application/cloudevents+json; charset=utf-8');
    expect(() => new Webhook(text).verify(`${body} `, headers)).toThrow(WebhookVerificationError);
    const { text: another } = await orderTo(url);
    expect(() => new Webhook(another).verify(body, headers)).toThrow(WebhookVerificationError);
  });

  test('is signed with the secret before a rotation too, each of which verifies it', async () => {
    const { url, received } = await receiver(takes);
    const [{ text: before, ...old }, { text: after, ...order }] = [await orderTo(url), await orderTo(url)];
    await postEvent(parts(), { ...order, secrets: [order.secrets[0], old.secrets[0]] });
    const [{ headers, body } = NOTHING] = received;
    for (const secret of [before, after]) expect(new Webhook(secret).verify(body, headers)).toBeTruthy();
  });

  test('is signed with the key that its secret was made of, whatever key is the first by now', async () => {
    const { url, received } = await receiver(takes);
    const { text, ...order } = await orderTo(url, [KEYS[1] ?? new Secret('')]);
    expect(await postEvent(parts(), order)).toEqual({ kind: 'taken' });
    expect(new Webhook(text).verify(received[0]?.body ?? '', received[0]?.headers ?? {})).toBeTruthy();
  });

  test('is not sent where that key is not among those of the deployment', async () => {
    const { url, received } = await receiver(takes);
    const { text: _, ...order } = await orderTo(url, [new Secret('a-key-that-was-taken-out-of-the-list')]);
    expect(await postEvent(parts(), order)).toEqual({ kind: 'failed', error: 'key_missing', retryAfterMs: 0 });
    expect(received).toEqual([]);
  });

  test('is not sent to an address that is refused, however it came to be stored', async () => {
    const { url, received } = await receiver(takes);
    const { text: _, ...order } = await orderTo(url);
    const answer = await postEvent(parts({ loopback: false }), order);
    expect(answer).toEqual({ kind: 'failed', error: 'address_refused', retryAfterMs: 0 });
    expect(received).toEqual([]);
  });

  test.each([
    [200, {}, { kind: 'taken' }],
    [410, {}, { kind: 'gone' }],
    [500, {}, { kind: 'failed', error: 'http_500', retryAfterMs: 0 }],
    [404, {}, { kind: 'failed', error: 'http_404', retryAfterMs: 0 }],
    [429, { 'retry-after': '3600' }, { kind: 'failed', error: 'http_429', retryAfterMs: 3_600_000 }],
    [503, { 'retry-after': '99999999' }, { kind: 'failed', error: 'http_503', retryAfterMs: 86_400_000 }],
  ])('that is answered %i %j comes to %j', async (status, headers, answer) => {
    const { url } = await receiver((response) => void response.writeHead(status, headers).end('{"said":"much"}'));
    expect(await postEvent(parts(), await orderTo(url))).toEqual(answer);
  });

  test('follows no redirect: its second address gets nothing', async () => {
    const second = await receiver(takes);
    const first = await receiver((response) => void response.writeHead(307, { location: second.url }).end());
    const answer = await postEvent(parts(), await orderTo(first.url));
    expect(answer).toEqual({ kind: 'failed', error: 'redirect', retryAfterMs: 0 });
    expect(second.received).toEqual([]);
  });

  test('ends after ten seconds where the receiver says nothing, and where nothing listens at once', async () => {
    let deadline = (): void => undefined;
    let asked = 0;
    const after: After = (ms, run) => {
      asked = ms;
      deadline = run;
      return () => undefined;
    };
    const { url, received } = await receiver(() => deadline());
    const answer = await postEvent(parts({ after }), await orderTo(url));
    expect(answer).toEqual({ kind: 'failed', error: 'timeout', retryAfterMs: 0 });
    expect([asked, received.length]).toEqual([POST_TIMEOUT_MS, 1]);
    const closed = await orderTo('http://127.0.0.1:1/');
    expect(await postEvent(parts(), closed)).toEqual({ kind: 'failed', error: 'unreachable', retryAfterMs: 0 });
  });

  test('waits for no body of an answer, however long it goes on', async () => {
    const { url } = await receiver((response) => void response.writeHead(200).write('and so on'));
    expect(await postEvent(parts(), await orderTo(url))).toEqual({ kind: 'taken' });
  });
});

describe('the secret of a webhook', () => {
  test('is 256 bits in the form of Standard Webhooks, another one each time, and of each webhook', async () => {
    const [one, two] = [await drawSecret(KEYS, ID), await drawSecret(KEYS, ID)];
    expect(one?.text).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(one?.text).not.toBe(two?.text);
    const ref = one?.ref ?? { key: '', salt: '' };
    expect(await secretOf(KEYS, ID, ref)).not.toEqual(await secretOf(KEYS, webhookId(2), ref));
  });

  test('is not made without a key, and what is stored of it tells nothing of key or secret', async () => {
    expect(await drawSecret([], ID)).toBeNull();
    const secret = await drawSecret(KEYS, ID);
    const stored = JSON.stringify(secret?.ref);
    expect(stored).not.toContain('a-key-of-the-deployment');
    expect(stored).not.toContain(secret?.text.slice(6) ?? '');
  });
});
