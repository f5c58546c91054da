/** One signed request to a receiver. Source: Standard Webhooks 1.0; CloudEvents over HTTP, structured mode. */
import { retryAfterMs, type WebhookId } from '#protocol';
import { withDeadline, type After, type Clock } from '#lib/clock.ts';
import type { Secret } from '#lib/secret.ts';
import { addressFault } from './address.ts';
import { secretOf, signatureOf, type SecretRef } from './secret.ts';
import { MAX_POST_WAIT_MS } from './webhook.ts';

/** A receiver has so long (ms) until its answer begins. */
export const POST_TIMEOUT_MS = 10_000;

/** What is posted, and where. */
export interface PostOrder {
  readonly webhook: WebhookId;
  readonly url: string;
  /** All of these sign; the first has to be there. */
  readonly secrets: readonly [SecretRef, ...SecretRef[]];
  /** The same for each try, so that a receiver knows a repeat. */
  readonly id: string;
  readonly body: string;
}

/** `gone`: its receiver wants no more. `failed`: `error` is a word for programs, never what the receiver said. */
export type PostAnswer =
  | { readonly kind: 'taken' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'failed'; readonly error: string; readonly retryAfterMs: number };

/** What a post needs of the deployment. */
export interface PostParts {
  readonly keys: readonly Secret[];
  /** Whether the deployment is one on loopback, and may post there. */
  readonly loopback: boolean;
  readonly clock: Clock;
  readonly after: After;
  readonly send?: (url: string, init: RequestInit) => Promise<Response>;
}

const failed = (error: string, waitMs = 0): PostAnswer => ({ kind: 'failed', error, retryAfterMs: waitMs });

/**
 * Posts once. Never rejects. Follows no redirect: it would lead where no person has said; reads nothing of an answer but its status and
 * Retry-After.
 */
export async function postEvent(parts: PostParts, order: PostOrder): Promise<PostAnswer> {
  if (addressFault(order.url, parts.loopback) !== null) return failed('address_refused');
  try {
    const headers = await signed(parts, order);
    return headers === null
      ? failed('key_missing')
      : await withDeadline(POST_TIMEOUT_MS, (signal) => send(parts, order, headers, signal), parts.after);
  } catch (thrown) {
    return failed(thrown instanceof DOMException && thrown.name === 'TimeoutError' ? 'timeout' : 'unreachable');
  }
}

async function send(
  { send: by = (url, init) => fetch(url, init) }: PostParts,
  { url, body }: PostOrder,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<PostAnswer> {
  const response = await by(url, { method: 'POST', headers, body, signal, redirect: 'manual' });
  // What is not read holds its connection.
  await response.body?.cancel();
  const { status } = response;
  if (response.ok) return { kind: 'taken' };
  if (status === 410) return { kind: 'gone' };
  if (status >= 300 && status < 400) return failed('redirect');
  return failed(`http_${status}`, retryAfterMs(response.headers.get('retry-after'), MAX_POST_WAIT_MS));
}

async function signed(
  { keys, clock }: PostParts,
  { webhook, secrets: [current, ...others], id, body }: PostOrder,
): Promise<Record<string, string> | null> {
  const secret = await secretOf(keys, webhook, current);
  if (secret === null) return null;
  const all = [secret];
  for (const ref of others) {
    const other = await secretOf(keys, webhook, ref);
    if (other !== null) all.push(other);
  }
  const atSeconds = Math.floor(clock.now() / 1000);
  const signatures = await Promise.all(all.map((one) => signatureOf(one, id, atSeconds, body)));
  return {
    'content-type': 'application/cloudevents+json; charset=utf-8',
    'user-agent': 'Reeve-Webhooks/1',
    'webhook-id': id,
    'webhook-timestamp': String(atSeconds),
    'webhook-signature': signatures.join(' '),
  };
}
