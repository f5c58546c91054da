/** A webhook as it is stored, and the bounds of its retries. */
import type { WebhookEndReason, WebhookId } from '#protocol';
import type { SecretRef } from './secret.ts';

/** What a person says of a webhook. */
export interface WebhookOrder {
  readonly url: string;
  readonly description: string;
  /** Which events it gets; see `isWanted`. */
  readonly events: readonly string[];
}

/** An address that the town posts events to, in their order. */
export interface Webhook extends WebhookOrder {
  readonly id: WebhookId;
  readonly createdAtMs: number;
  readonly secret: SecretRef;
  /** The secret before the last rotation, which signs too until then. */
  readonly previous: (SecretRef & { readonly untilMs: number }) | null;
  /** `seq` of the event up to which everything was posted or is not wanted. */
  readonly cursor: number;
  /** When it is posted to next, at the latest; null: it has everything that it wants, or it is disabled. */
  readonly dueAtMs: number | null;
  /** Posts in a row that were not taken, since when, and why the last one was not. */
  readonly tries: number;
  readonly failingSinceMs: number | null;
  readonly lastError: string | null;
  /** When something was taken last, as far as is stored. */
  readonly postedAtMs: number | null;
  readonly enabled: boolean;
  /** Not null: the town disabled it by itself. */
  readonly ended: { readonly why: WebhookEndReason; readonly atMs: number } | null;
}

/** A receiver that fails is tried again after 5 s, doubling to 4 h. */
export const POST_RETRY = { firstMs: 5000, maxMs: 4 * 3_600_000, jitter: 'equal' } as const;
/** One that took nothing for this long (ms) is posted to no more. */
export const GIVEN_UP_AFTER_MS = 3 * 24 * 3_600_000;
/** A Retry-After of a receiver is believed up to this (ms). */
export const MAX_POST_WAIT_MS = 24 * 3_600_000;
