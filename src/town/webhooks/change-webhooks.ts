/** What people do with webhooks. Each is one step, and doing it again changes nothing: the platform may bring a call twice. */
import { MAX_WEBHOOKS_PER_TOWN, WEBHOOK_OVERLAP_SECONDS, type WebhookId, type WebhookTest } from '#protocol';
import { timestamp } from '#lib/clock.ts';
import { err, ok, type Result } from '#lib/result.ts';
import { base64url, randomBytes } from '#lib/secret.ts';
import type { SecretRef } from '../../webhooks/secret.ts';
import type { Webhook, WebhookOrder } from '../../webhooks/webhook.ts';
import type { TownPorts } from '../ports.ts';
import { receiverOf } from './post-events.ts';

/** A webhook to make; its id was drawn by who orders it, and so was what its secret is made of. */
export type NewWebhook = WebhookOrder & { readonly id: WebhookId; readonly secret: SecretRef };
/** What is to change; what is not named stays. */
export type WebhookChange = { readonly [K in keyof WebhookOrder]?: WebhookOrder[K] | undefined } & {
  readonly enabled?: boolean | undefined;
};

/** It gets the events that come after this one. */
export function addWebhook(
  p: TownPorts,
  { id, secret, ...order }: NewWebhook,
): Result<Webhook, 'limit_exceeded' | 'not_found'> {
  return p.transaction(() => {
    const known = p.webhooks.get(id);
    if (known !== null) return ok(known);
    if (p.webhooks.list().length >= MAX_WEBHOOKS_PER_TOWN) return err('limit_exceeded');
    const now = p.clock.now();
    p.webhooks.add(id, order, secret, p.events.head(), now);
    p.events.append('reeve.webhook.created', id, { events: [...order.events] }, now);
    return found(p, id);
  });
}

/**
 * Changes it from the next post on; one that fails is tried again at once. One that is enabled goes on where it stopped, as far as events are
 * kept; one that has everything when it is disabled stops at this event.
 */
export function changeWebhook(p: TownPorts, id: string, change: WebhookChange): Result<Webhook, 'not_found'> {
  return p.transaction(() => {
    const webhook = p.webhooks.get(id);
    if (webhook === null) return err('not_found');
    const { enabled = webhook.enabled, url = webhook.url, events = webhook.events } = change;
    const { description = webhook.description } = change;
    const now = p.clock.now();
    p.webhooks.describe(webhook.id, { url, events, description });
    if (enabled && (!webhook.enabled || webhook.tries > 0)) goOn(p, webhook);
    if (!enabled && (webhook.enabled || webhook.ended !== null)) {
      const hasAll = webhook.enabled && webhook.dueAtMs === null;
      p.webhooks.disable(webhook.id, hasAll ? p.events.head() : webhook.cursor, null, now);
    }
    p.events.append('reeve.webhook.changed', webhook.id, { events: [...events], enabled }, now);
    return found(p, id);
  });
}

/** From where it stopped, as far as events are kept, and at once. */
function goOn(p: TownPorts, { id, cursor }: Webhook): void {
  p.webhooks.enable(id, Math.max(cursor, p.events.oldest() - 1), p.clock.now());
}

/** It has another secret; the one before signs beside it for a day. One that fails, perhaps for want of its key, is tried again at once. */
export function rotateSecret(p: TownPorts, id: string, secret: SecretRef): Result<Webhook, 'not_found'> {
  return p.transaction(() => {
    const webhook = p.webhooks.get(id);
    if (webhook === null || webhook.secret.salt === secret.salt) return found(p, id);
    const now = p.clock.now();
    p.webhooks.rotate(webhook.id, secret, now + WEBHOOK_OVERLAP_SECONDS * 1000);
    if (webhook.enabled && webhook.tries > 0) goOn(p, webhook);
    p.events.append('reeve.webhook.secret_rotated', webhook.id, {}, now);
    return found(p, id);
  });
}

/** Nothing is posted to it any more; a post that is under way is not called back. Returns it as it was. */
export function removeWebhook(p: TownPorts, id: string): Result<Webhook, 'not_found'> {
  return p.transaction(() => {
    const webhook = p.webhooks.get(id);
    if (webhook === null) return err('not_found');
    p.webhooks.remove(webhook.id);
    p.events.append('reeve.webhook.deleted', webhook.id, {}, p.clock.now());
    return ok(webhook);
  });
}

/** Posts an event that is made for this, and stored nowhere. Neither what waits for the webhook nor its health changes by it. */
export async function testWebhook(p: TownPorts, id: string): Promise<Result<WebhookTest, 'not_found'>> {
  const webhook = p.webhooks.get(id);
  if (webhook === null) return err('not_found');
  const answer = await p.slots.run('webhook', webhook.id, () => {
    const now = p.clock.now();
    const event = {
      specversion: '1.0',
      id: `test_${base64url(randomBytes(16))}`,
      source: `/v1/towns/${p.id}`,
      type: 'reeve.webhook.test',
      subject: webhook.id,
      time: timestamp(now),
      datacontenttype: 'application/json',
      ephemeral: true,
      data: {},
    };
    return p.postEvent({ ...receiverOf(webhook, now), id: event.id, body: JSON.stringify(event) });
  });
  if (answer.kind === 'taken') return ok({ taken: true, error: null });
  return ok({ taken: false, error: answer.kind === 'gone' ? 'http_410' : answer.error });
}

function found(p: TownPorts, id: string): Result<Webhook, 'not_found'> {
  const webhook = p.webhooks.get(id);
  return webhook === null ? err('not_found') : ok(webhook);
}
