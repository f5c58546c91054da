/** Routes for people: towns. */
import { makeId, type TownId } from '#protocol';
import { timestamp } from '#lib/clock.ts';
import { randomBytes } from '#lib/secret.ts';
import { requirePerson, requireTown, requireTownOrItsRest } from '../edge/authenticate.ts';
import { API } from '../edge/api.ts';
import { routesOf } from '../edge/declare-route.ts';
import type { App, Edge, Guard, TownStub } from '../edge/edge.ts';
import { Refusal, orRefuse } from '../edge/problem.ts';
import { answers, jsonBody, pageAt, smallBody } from '../edge/route-parts.ts';
import * as s from '../edge/schemas.ts';
import { asPerson, insufficientRole } from '../edge/as-person.ts';

const route = routesOf('Towns', 'person');

/** Towns of a person: create, list, read, delete, restore, refresh and health. */
export function townRoutes(app: App, edge: Edge): void {
  const person = requirePerson(edge);
  const inTown = [person, requireTown(edge)];
  createTown(app, edge, person);
  listTowns(app, edge, person);
  readTown(app, inTown);
  changeTown(app, edge, inTown);
  deleteTown(app, edge, [person, requireTownOrItsRest(edge)]);
  readHealth(app, inTown);
  restore(app, inTown);
  restored(app, inTown);
  refreshTown(app, inTown);
}

function createTown(app: App, edge: Edge, person: Guard): void {
  app.openapi(
    route({
      operationId: 'createTown',
      method: 'post',
      path: '/v1/towns',
      summary: 'Create a town',
      middleware: [person, smallBody] as const,
      request: { body: jsonBody(API.NewTown) },
      responses: answers(201, API.Town, 'The town'),
    }),
    async (c) => {
      const { name } = c.req.valid('json');
      const id = makeId('town', randomBytes(20));
      const owner = c.get('person').id;
      // Directory first: a town that the directory does not know can never be reached, so a crash in between leaves no orphan.
      await edge.directory.create({ id, name, owner, createdAtMs: edge.clock.now() });
      return c.json(await edge.town(id).create({ name, owner }), 201);
    },
  );
}

function listTowns(app: App, edge: Edge, person: Guard): void {
  app.openapi(
    route({
      operationId: 'listTowns',
      method: 'get',
      path: '/v1/towns',
      summary: 'List the towns that you are a member of',
      middleware: [person] as const,
      request: { query: s.townsQuery },
      responses: answers(200, API.TownPage, 'A page of towns'),
    }),
    async (c) => {
      const { cursor, limit } = c.req.valid('query');
      const towns = await edge.directory.listOf(c.get('person').id, cursor, limit + 1);
      const items = towns.map(({ id, name, role, createdAtMs }) => ({
        id,
        name,
        role,
        created_at: timestamp(createdAtMs),
      }));
      return c.json(
        pageAt(items, limit, ({ id }) => id),
        200,
      );
    },
  );
}

function readTown(app: App, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'getTown',
      method: 'get',
      path: '/v1/towns/{town}',
      summary: 'Read a town, its next and its last sweep',
      middleware: inTown,
      request: { params: s.townParams },
      responses: answers(200, API.Town, 'The town'),
    }),
    async (c) => {
      const town = await orRefuse(asPerson(c, (me) => me.describe()));
      return c.json(town, 200);
    },
  );
}

function changeTown(app: App, edge: Edge, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'updateTown',
      method: 'patch',
      path: '/v1/towns/{town}',
      summary: 'Set for which audiences the agents of a town may exchange their tokens',
      middleware: [...inTown, smallBody],
      request: { params: s.townParams, body: jsonBody(API.TownChange) },
      responses: answers(200, API.Town, 'The town'),
    }),
    async (c) => {
      const change = c.req.valid('json');
      // A token for a third party is none for this Worker, whose own audience is kept for tokens that are checked in another way.
      if (change.token_audiences.includes(edge.config.publicUrl)) throw new Refusal('invalid_request', OWN_AUDIENCE);
      const town = await orRefuse(asPerson(c, (me) => me.change(change)));
      return c.json(town, 200);
    },
  );
}

const OWN_AUDIENCE = { errors: [{ path: 'token_audiences', message: 'must not hold the address of this Worker' }] };

function deleteTown(app: App, edge: Edge, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'deleteTown',
      method: 'delete',
      path: '/v1/towns/{town}',
      summary: 'Delete a town with its agents and everything that it stores, for good',
      middleware: inTown,
      request: { params: s.townParams },
      responses: {
        ...answers(200, API.DeletedTown, 'Nothing of it is left; asked again it is not found'),
        ...answers(202, API.DeletedTown, 'No person is let in and no token accepted; a container has yet to confirm'),
      },
    }),
    async (c) => {
      const { id, role } = c.get('membership');
      const removed = await asPerson(c, (me) => me.deleteTown());
      if (!removed.ok && removed.error === 'unavailable') throw new Refusal('unavailable');
      if (!removed.ok && role !== 'owner') throw insufficientRole('admin');
      const { gone } = removed.ok ? removed.value : await removeRest(edge, c.get('town'), id);
      return gone ? c.json({ id, status: 'deleted' as const }, 200) : c.json({ id, status: 'deleting' as const }, 202);
    },
  );
}

/** What a creation left that never came to the town, or a deletion that is under way. */
async function removeRest(edge: Edge, town: TownStub, id: TownId): Promise<{ gone: boolean }> {
  await edge.directory.markDeleted(id, edge.clock.now());
  return town.remove();
}

function readHealth(app: App, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'getTownHealth',
      method: 'get',
      path: '/v1/towns/{town}/health',
      summary: 'What is wrong in a town, since when, and what to do about it',
      middleware: inTown,
      request: { params: s.townParams },
      responses: answers(200, API.Health, 'The health of the town'),
    }),
    async (c) => {
      const health = await orRefuse(asPerson(c, (me) => me.health()));
      return c.json(health, 200);
    },
  );
}

function restore(app: App, inTown: Guard[]): void {
  app.openapi(
    route(
      {
        operationId: 'restoreTown',
        method: 'post',
        path: '/v1/towns/{town}/restore',
        summary: 'Put the database of a town back to an earlier state',
        description:
          'At most 30 days back. All that came since is lost, and members are those of that state. The town starts anew within ' +
          'seconds of the answer, in that state; from then on every older token is refused, and its containers get new sessions.',
        middleware: [...inTown, smallBody],
        request: { params: s.townParams, body: jsonBody(API.Restore) },
        responses: answers(202, API.RestoreBegun, 'It goes back in a moment; what undoes that'),
      },
      ['not_supported'],
    ),
    async (c) => {
      const order = c.req.valid('json');
      const target = 'at' in order ? { atMs: Date.parse(order.at) } : order;
      const begun = await asPerson(c, (me) => me.restore(target));
      if (begun.ok) return c.json(begun.value, 202);
      if (begun.error === 'out_of_reach') {
        const path = Object.keys(order).join('');
        throw new Refusal('invalid_request', { errors: [{ path, message: OUT_OF_REACH }] });
      }
      throw new Refusal(begun.error);
    },
  );
}

const OUT_OF_REACH = 'must lie within the last 30 days, and within the life of the town';

function restored(app: App, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'markTownRestored',
      method: 'post',
      path: '/v1/towns/{town}/restored',
      summary: 'Say that the database of the town was put back to an earlier state by other means',
      middleware: inTown,
      request: { params: s.townParams },
      responses: answers(200, API.Restored, 'Older tokens are refused; how many containers have their new session'),
    }),
    async (c) => {
      const restored = await orRefuse(asPerson(c, (me) => me.restored()));
      return c.json(restored, 200);
    },
  );
}

function refreshTown(app: App, inTown: Guard[]): void {
  app.openapi(
    route({
      operationId: 'refreshTown',
      method: 'post',
      path: '/v1/towns/{town}/refresh',
      summary: 'Refresh the token of every live agent now',
      middleware: [...inTown, smallBody],
      request: { params: s.townParams, body: jsonBody(API.Refresh) },
      responses: answers(200, API.SweepReport, 'What the containers did, per agent'),
    }),
    async (c) => {
      const report = await orRefuse(asPerson(c, (me) => me.refreshTown(c.req.valid('json').revoke_older)));
      return c.json(report, 200);
    },
  );
}
