/** Routes for people: where their towns post events to. */
import { makeId } from '#protocol';
import { isLoopback } from '#lib/variables.ts';
import { randomBytes } from '#lib/secret.ts';
import { addressFault } from '../../webhooks/address.ts';
import { drawSecret } from '../../webhooks/secret.ts';
import { webhooksAs } from '../edge/as-person.ts';
import { requirePerson, requireTown } from '../edge/authenticate.ts';
import { API } from '../edge/api.ts';
import { routesOf } from '../edge/declare-route.ts';
import type { App, Edge, Guard } from '../edge/edge.ts';
import { Refusal, orRefuse } from '../edge/problem.ts';
import { answers, jsonBody, smallBody } from '../edge/route-parts.ts';
import * as s from '../edge/schemas.ts';

const route = routesOf('Webhooks', 'person');

const WEBHOOKS = '/v1/towns/{town}/webhooks';
const WEBHOOK = `${WEBHOOKS}/{webhook}` as const;

/** Webhooks of a person's town. */
export function webhookRoutes(app: App, edge: Edge): void {
  const inTown = [requirePerson(edge), requireTown(edge)];
  createWebhook(app, edge, inTown);
  listWebhooks(app, inTown);
  readWebhook(app, inTown);
  changeWebhook(app, edge, inTown);
  removeWebhook(app, inTown);
  testWebhook(app, inTown);
  rotateSecret(app, edge, inTown);
}

/** Refuses an address to which this deployment does not post. */
function checkAddress({ config }: Edge, url: string): void {
  const message = addressFault(url, isLoopback(new URL(config.publicUrl)));
  if (message !== null) throw new Refusal('invalid_request', { errors: [{ path: 'url', message }] });
}

/** A new secret: what the town stores of it, and its text for the one answer that shows it. */
async function newSecret({ config }: Edge, id: string) {
  const secret = await drawSecret(config.webhookKeys, id);
  if (secret === null) throw new Refusal('not_supported', { detail: 'Webhooks need WEBHOOK_KEYS (docs/webhooks.md).' });
  return secret;
}

function createWebhook(app: App, edge: Edge, inTown: Guard[]): void {
  app.openapi(
    route(
      {
        operationId: 'createWebhook',
        method: 'post',
        path: WEBHOOKS,
        summary: 'Have events posted to an address; this answer is the only one that shows its secret',
        middleware: [...inTown, smallBody],
        request: { params: s.townParams, body: jsonBody(API.NewWebhook) },
        responses: answers(201, API.WebhookWithSecret, 'The webhook, which gets what happens from now on'),
      },
      ['limit_exceeded', 'not_supported'],
    ),
    async (c) => {
      const order = c.req.valid('json');
      checkAddress(edge, order.url);
      const id = makeId('hook', randomBytes(20));
      const { ref, text } = await newSecret(edge, id);
      const made = await orRefuse(webhooksAs(c, (webhooks) => webhooks.add({ ...order, id, secret: ref })));
      c.header('cache-control', 'no-store');
      return c.json({ ...made, secret: text }, 201);
    },
  );
}

function listWebhooks(app: App, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'listWebhooks',
      method: 'get',
      path: WEBHOOKS,
      summary: 'List the webhooks of a town',
      middleware: inTown,
      request: { params: s.townParams },
      responses: answers(200, API.WebhookList, 'All of them'),
    }),
    async (c) => c.json(await orRefuse(webhooksAs(c, (webhooks) => webhooks.list())), 200),
  );
}

function readWebhook(app: App, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'getWebhook',
      method: 'get',
      path: WEBHOOK,
      summary: 'Read a webhook and how it fares',
      middleware: inTown,
      request: { params: s.webhookParams },
      responses: answers(200, API.Webhook, 'The webhook'),
    }),
    async (c) => c.json(await orRefuse(webhooksAs(c, (webhooks) => webhooks.get(c.req.valid('param').webhook))), 200),
  );
}

function changeWebhook(app: App, edge: Edge, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'updateWebhook',
      method: 'patch',
      path: WEBHOOK,
      summary: 'Change where a webhook leads and what it gets, or disable and enable it',
      middleware: [...inTown, smallBody],
      request: { params: s.webhookParams, body: jsonBody(API.WebhookChange) },
      responses: answers(200, API.Webhook, 'The webhook'),
    }),
    async (c) => {
      const change = c.req.valid('json');
      if (change.url !== undefined) checkAddress(edge, change.url);
      return c.json(
        await orRefuse(webhooksAs(c, (webhooks) => webhooks.change(c.req.valid('param').webhook, change))),
        200,
      );
    },
  );
}

function removeWebhook(app: App, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'deleteWebhook',
      method: 'delete',
      path: WEBHOOK,
      summary: 'Delete a webhook, for good',
      middleware: inTown,
      request: { params: s.webhookParams },
      responses: answers(200, API.Webhook, 'The webhook as it was; nothing more is posted to it'),
    }),
    async (c) =>
      c.json(await orRefuse(webhooksAs(c, (webhooks) => webhooks.remove(c.req.valid('param').webhook))), 200),
  );
}

function testWebhook(app: App, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'testWebhook',
      method: 'post',
      path: `${WEBHOOK}/test`,
      summary: 'Post an event for trial, and wait for what comes of it',
      middleware: inTown,
      request: { params: s.webhookParams },
      responses: answers(200, API.WebhookTest, 'Whether the receiver took it'),
    }),
    async (c) => c.json(await orRefuse(webhooksAs(c, (webhooks) => webhooks.test(c.req.valid('param').webhook))), 200),
  );
}

function rotateSecret(app: App, edge: Edge, inTown: Guard[]): void {
  app.openapi(
    route(
      {
        operationId: 'rotateWebhookSecret',
        method: 'post',
        path: `${WEBHOOK}/rotate`,
        summary: 'Give a webhook another secret; for a day both sign',
        middleware: inTown,
        request: { params: s.webhookParams },
        responses: answers(200, API.WebhookWithSecret, 'The webhook with its new secret, which is shown this once'),
      },
      ['not_supported'],
    ),
    async (c) => {
      const id = c.req.valid('param').webhook;
      const { ref, text } = await newSecret(edge, id);
      const rotated = await orRefuse(webhooksAs(c, (webhooks) => webhooks.rotate(id, ref)));
      c.header('cache-control', 'no-store');
      return c.json({ ...rotated, secret: text }, 200);
    },
  );
}
