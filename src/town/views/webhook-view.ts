/** Webhooks as the outside sees them, and what the health of a town says of them. Pure. */
import type { HealthReason, WebhookView } from '#protocol';
import { timestamp } from '#lib/clock.ts';
import type { Webhook } from '../../webhooks/webhook.ts';
import { WEBHOOK_DISABLED, WEBHOOK_FAILING } from './health-reasons.ts';

/** A receiver may fail so long (ms) before it shows in the health. */
const FAILING_GRACE_MS = 600_000;

/** A webhook, without anything of its secret. */
export function webhookView(webhook: Webhook, nowMs: number): WebhookView {
  const { previous, ended } = webhook;
  return {
    id: webhook.id,
    url: webhook.url,
    description: webhook.description,
    events: [...webhook.events],
    enabled: webhook.enabled,
    created_at: timestamp(webhook.createdAtMs),
    previous_secret_until: timestamp(previous === null || previous.untilMs <= nowMs ? null : previous.untilMs),
    posted_seq: webhook.cursor,
    last_posted_at: timestamp(webhook.postedAtMs),
    failing_since: timestamp(webhook.failingSinceMs),
    last_error: webhook.lastError,
    next_try_at: timestamp(webhook.tries > 0 ? webhook.dueAtMs : null),
    disabled: ended === null ? null : { why: ended.why, at: timestamp(ended.atMs) },
  };
}

/** One that the town gave up, or whose receiver takes nothing; one that a person disabled is no reason. */
export function webhookReasons(
  { id, enabled, ended, failingSinceMs, lastError }: Webhook,
  nowMs: number,
): HealthReason[] {
  if (ended !== null) {
    const detail = `Webhook ${id} was disabled: ${WHY[ended.why]}.`;
    return [{ ...WEBHOOK_DISABLED, agent: null, since: timestamp(ended.atMs), detail }];
  }
  if (!enabled || failingSinceMs === null || nowMs - failingSinceMs < FAILING_GRACE_MS) return [];
  const detail = `Webhook ${id} takes nothing; the last try: ${lastError ?? 'unknown'}.`;
  return [{ ...WEBHOOK_FAILING, agent: null, since: timestamp(failingSinceMs), detail }];
}

const WHY = {
  gone: 'its receiver answered 410',
  failing: 'its receiver took nothing for three days',
  behind: 'what it has yet to get is no longer kept',
} as const;
