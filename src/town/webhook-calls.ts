/** What people ask of a town about its webhooks. */
import { RpcTarget } from 'cloudflare:workers';
import type { PersonScope, WebhookTest, WebhookView } from '#protocol';
import { err, mapOk, ok, type Result } from '#lib/result.ts';
import type { SecretRef } from '../webhooks/secret.ts';
import type { Webhook } from '../webhooks/webhook.ts';
import type { PersonCall } from './members/authorize-person.ts';
import { PersonGate, type PersonAnswered } from './person-gate.ts';
import type { TownGate } from './town-gate.ts';
import type { TownPorts } from './ports.ts';
import { webhookView } from './views/webhook-view.ts';
import * as change from './webhooks/change-webhooks.ts';

/**
 * The webhooks of a town, for one person: what `Town.webhooks` returns. Each call is decided anew, like those of `PersonCalls`. Every result is
 * plain data, and none holds a secret.
 */
export class WebhookCalls extends RpcTarget {
  readonly #as: PersonGate;

  constructor(gate: TownGate, call: PersonCall) {
    super();
    this.#as = new PersonGate(gate, call);
  }

  async list(): PersonAnswered<{ readonly items: WebhookView[] }> {
    return this.#as.run('read', (p) => ok({ items: p.webhooks.list().map((one) => webhookView(one, p.clock.now())) }));
  }

  async get(id: string): PersonAnswered<WebhookView> {
    return this.#shown('read', (p) => {
      const webhook = p.webhooks.get(id);
      return webhook === null ? err('not_found') : ok(webhook);
    });
  }

  async add(webhook: change.NewWebhook): PersonAnswered<WebhookView, 'limit_exceeded'> {
    return this.#shown('admin', (p) => change.addWebhook(p, webhook));
  }

  async change(id: string, to: change.WebhookChange): PersonAnswered<WebhookView> {
    return this.#shown('admin', (p) => change.changeWebhook(p, id, to));
  }

  async rotate(id: string, secret: SecretRef): PersonAnswered<WebhookView> {
    return this.#shown('admin', (p) => change.rotateSecret(p, id, secret));
  }

  async remove(id: string): PersonAnswered<WebhookView> {
    return this.#shown('admin', (p) => change.removeWebhook(p, id));
  }

  /** Posts an event for trial, and waits for what comes of it. */
  async test(id: string): PersonAnswered<WebhookTest> {
    return this.#as.run('admin', (p) => change.testWebhook(p, id));
  }

  #shown<E>(needed: PersonScope, act: (p: TownPorts) => Result<Webhook, E>): PersonAnswered<WebhookView, E> {
    return this.#as.run(needed, (p) => mapOk(act(p), (webhook) => webhookView(webhook, p.clock.now())));
  }
}
