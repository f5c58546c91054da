/** Where a town posts its events to. */
import type * as api from '../api-types.ts';
import type { CallOptions, Caller } from '../caller.ts';
import { townPath } from './paths.ts';

export const webhookCalls = (caller: Caller) => ({
  /** The one answer that has its secret, but for those to a rotation. */
  createWebhook: (town: string, webhook: api.NewWebhook, options?: CallOptions): Promise<api.WebhookWithSecret> =>
    caller.post(webhooksPath(town), webhook, options),

  /** All of them: a town has ten at most. */
  listWebhooks: (town: string, options?: CallOptions): Promise<api.WebhookList> =>
    caller.get(webhooksPath(town), options),

  getWebhook: (town: string, webhook: string, options?: CallOptions): Promise<api.Webhook> =>
    caller.get(webhookPath(town, webhook), options),

  updateWebhook: (
    town: string,
    webhook: string,
    change: api.WebhookChange,
    options?: CallOptions,
  ): Promise<api.Webhook> => caller.patch(webhookPath(town, webhook), change, options),

  /** Answers it as it was. */
  deleteWebhook: (town: string, webhook: string, options?: CallOptions): Promise<api.Webhook> =>
    caller.delete(webhookPath(town, webhook), options),

  /** Posts an event for trial, and waits for what comes of it. */
  testWebhook: (town: string, webhook: string, options?: CallOptions): Promise<api.WebhookTest> =>
    caller.post(`${webhookPath(town, webhook)}/test`, undefined, options),

  /** For a day both secrets sign. */
  rotateWebhookSecret: (town: string, webhook: string, options?: CallOptions): Promise<api.WebhookWithSecret> =>
    caller.post(`${webhookPath(town, webhook)}/rotate`, undefined, options),
});

const webhooksPath = (town: string): string => `${townPath(town)}/webhooks`;

const webhookPath = (town: string, webhook: string): string => `${webhooksPath(town)}/${encodeURIComponent(webhook)}`;
