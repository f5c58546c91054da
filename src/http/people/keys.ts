/** Routes for people: the API keys by which programs call for them. */
import { allowsScope } from '#protocol';
import { requirePerson } from '../edge/authenticate.ts';
import { API } from '../edge/api.ts';
import { routesOf } from '../edge/declare-route.ts';
import type { App, Edge, Guard } from '../edge/edge.ts';
import { Refusal } from '../edge/problem.ts';
import { answers, jsonBody, pageAt, smallBody } from '../edge/route-parts.ts';
import * as s from '../edge/schemas.ts';
import { issueKey, keyView } from './issue-key.ts';

const route = routesOf('API keys', 'person');

const DAY_MS = 86_400_000;

/** A person's own API keys: made, listed and revoked. A key of another person is 404. */
export function keyRoutes(app: App, edge: Edge): void {
  const person = requirePerson(edge);
  createKey(app, edge, person);
  listKeys(app, edge, person);
  revokeKey(app, edge, person);
}

function createKey(app: App, edge: Edge, person: Guard): void {
  app.openapi(
    route({
      operationId: 'createApiKey',
      method: 'post',
      path: '/v1/keys',
      summary: 'Make an API key; this answer is the only one that shows it',
      middleware: [person, smallBody] as const,
      request: { body: jsonBody(API.ApiKeyOrder) },
      responses: answers(201, API.NewApiKey, 'The key'),
    }),
    async (c) => {
      const { name, scope, expires_in_days: days } = c.req.valid('json');
      const maker = c.get('person');
      // A key never allows more than what it is made with.
      if (!allowsScope(maker.scope, scope)) throw new Refusal('insufficient_scope');
      const now = edge.clock.now();
      const times = { createdAtMs: now, expiresAtMs: now + days * DAY_MS };
      const issued = await issueKey(edge, { name, scope, person: maker.id, ...times, parent: null });
      if (!issued.ok) throw new Refusal('limit_exceeded');
      c.header('cache-control', 'no-store');
      return c.json(issued.value, 201);
    },
  );
}

function listKeys(app: App, edge: Edge, person: Guard): void {
  app.openapi(
    route({
      operationId: 'listApiKeys',
      method: 'get',
      path: '/v1/keys',
      summary: 'List your API keys, by how they begin; revoked and expired ones too',
      middleware: [person],
      request: { query: s.keysQuery },
      responses: answers(200, API.ApiKeyPage, 'A page of keys'),
    }),
    async (c) => {
      const { cursor, limit } = c.req.valid('query');
      const keys = await edge.apiKeys.listOf(c.get('person').id, cursor, limit + 1);
      const page = pageAt(keys, limit, ({ id }) => id);
      return c.json({ ...page, items: page.items.map(keyView) }, 200);
    },
  );
}

function revokeKey(app: App, edge: Edge, person: Guard): void {
  app.openapi(
    route({
      operationId: 'revokeApiKey',
      method: 'delete',
      path: '/v1/keys/{key}',
      summary: 'Revoke an API key, for good',
      middleware: [person],
      request: { params: s.keyParams },
      responses: answers(200, API.ApiKey, 'The key, which is refused from now on'),
    }),
    async (c) => {
      const revoked = await edge.apiKeys.revoke(c.get('person').id, c.req.valid('param').key, edge.clock.now());
      if (revoked === null) throw new Refusal('not_found');
      return c.json(keyView(revoked), 200);
    },
  );
}
