/**
 * Posts to webhooks what happened, from the table of events and after it was committed: at least once, and to each in order, because the
 * cursor of a webhook moves only past what was taken. One event a request, one flight a webhook, and slots of their own: a receiver that
 * hangs delays itself, and another webhook by one run at most, never a delivery or a sweep (T7).
 */
import { isWanted, type EventView, type WebhookEndReason, type WebhookId } from '#protocol';
import { backoffMs } from '#lib/backoff.ts';
import { POST_TIMEOUT_MS, type PostAnswer, type PostOrder } from '../../webhooks/post-event.ts';
import { GIVEN_UP_AFTER_MS, POST_RETRY, type Webhook } from '../../webhooks/webhook.ts';
import { LEASE_MS } from '../../webhooks/webhook-store.ts';
import { oneIsolated } from '../agents/due-work.ts';
import type { TownPorts } from '../ports.ts';
import { RUN_BUDGET_MS } from '../state/alarm-plan.ts';

/** Posts to each of these what it has yet to get. Never rejects: what broke one of them waits, and nothing else does. */
export async function tendWebhooks(p: TownPorts, ids: readonly WebhookId[]): Promise<void> {
  await Promise.all(
    ids.map((id) =>
      oneIsolated(
        p,
        'webhook',
        id,
        () => tendWebhook(p, id),
        (atMs) => p.webhooks.plan(id, atMs),
      ),
    ),
  );
}

function tendWebhook(p: TownPorts, id: WebhookId): Promise<void> {
  // Before it waits for a slot: the alarm does not find it due meanwhile, and comes back for it if this object dies.
  hold(p, p.webhooks.get(id), null);
  // One that failed has its time to wait: a caller that joins is not to repeat the try at once.
  let failed = false;
  return p.flights.run(`webhook ${id}`, async () => {
    if (!failed) failed = await p.slots.run('webhook', id, () => postInOrder(p, id));
  });
}

/** What was taken since the row was written: a burst costs a row each few seconds, and after a crash what came in these comes again. */
interface Taken {
  readonly seq: number;
  readonly atMs: number;
}

/** Its due time moves ahead where a post could outlast it, and what was taken is written with it. */
function hold(p: TownPorts, webhook: Webhook | null, taken: Taken | null): void {
  const now = p.clock.now();
  if (webhook === null || webhook.dueAtMs === null || webhook.dueAtMs - now > POST_TIMEOUT_MS) return;
  if (taken === null) p.webhooks.plan(webhook.id, now + LEASE_MS);
  else p.webhooks.advance(webhook.id, taken.seq, now + LEASE_MS, taken.atMs);
}

/** Posts for as long as a run of the alarm may last; what is left is due at once. Returns whether a post was not taken. */
async function postInOrder(p: TownPorts, id: WebhookId): Promise<boolean> {
  const until = p.clock.now() + RUN_BUDGET_MS;
  let taken: Taken | null = null;
  for (;;) {
    // Read again after each post: a person may have changed it, or taken it away.
    const webhook = p.webhooks.get(id);
    if (webhook === null) return false;
    if (webhook.dueAtMs === null) {
      // It was stopped, and goes on after what it took.
      if (taken !== null) p.webhooks.advance(id, taken.seq, null, taken.atMs);
      return false;
    }
    const cursor = Math.max(webhook.cursor, taken?.seq ?? 0);
    if (cursor < p.events.oldest() - 1) {
      p.transaction(() => end(p, id, cursor, 'behind'));
      return true;
    }
    const event = p.events.firstWanted(p.id, cursor, (type) => isWanted(webhook.events, type));
    const now = p.clock.now();
    if (event === null || now >= until) {
      p.webhooks.advance(id, cursor, event === null ? null : now, taken?.atMs ?? null);
      return false;
    }
    hold(p, webhook, taken);
    const answer = await p.postEvent(orderOf(p, webhook, event));
    if (answer.kind === 'taken') {
      taken = { seq: event.seq, atMs: p.clock.now() };
    } else if (isStillAt(p, webhook)) {
      p.transaction(() => notTaken(p, id, cursor, taken, answer));
      return true;
    }
  }
}

/** Whether a person has neither stopped it nor led it elsewhere meanwhile: an address that it has left has no say in what becomes of it. */
function isStillAt(p: TownPorts, { id, url }: Webhook): boolean {
  const now = p.webhooks.get(id);
  return now !== null && now.enabled && now.url === url;
}

function orderOf(p: TownPorts, webhook: Webhook, event: EventView): PostOrder {
  // With its time: a database that was put back to an earlier state gives its number again, to another event.
  const id = `${p.id}_${event.seq}_${Date.parse(event.time)}`;
  return { ...receiverOf(webhook, p.clock.now()), id, body: JSON.stringify(event) };
}

/** Where a webhook is posted to, and all secrets that sign for it. */
export function receiverOf({ id, url, secret, previous }: Webhook, nowMs: number): Omit<PostOrder, 'id' | 'body'> {
  const isBoth = previous !== null && previous.untilMs > nowMs;
  return { webhook: id, url, secrets: isBoth ? [secret, previous] : [secret] };
}

/** The post after `cursor` was not taken. */
function notTaken(
  p: TownPorts,
  id: WebhookId,
  cursor: number,
  taken: Taken | null,
  answer: Exclude<PostAnswer, { kind: 'taken' }>,
): void {
  const now = p.clock.now();
  if (taken !== null) p.webhooks.advance(id, taken.seq, now, taken.atMs);
  if (answer.kind === 'gone') return end(p, id, cursor, 'gone');
  const { tries = 0, failingSinceMs } = p.webhooks.get(id) ?? {};
  if (now - (failingSinceMs ?? now) >= GIVEN_UP_AFTER_MS) return end(p, id, cursor, 'failing');
  const waitMs = backoffMs(POST_RETRY, tries + 1, p.random(), answer.retryAfterMs);
  p.webhooks.failed(id, cursor, answer.error, now + waitMs, now);
}

/** The town posts no more to it, and says so. */
function end(p: TownPorts, id: WebhookId, cursor: number, why: WebhookEndReason): void {
  const now = p.clock.now();
  p.webhooks.disable(id, cursor, why, now);
  p.events.append('reeve.webhook.disabled', id, { why }, now);
}
