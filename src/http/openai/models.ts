/** Models: the agents of a person's towns, from what is stored. No container and no agent is woken for them. */
import { z } from '@hono/zod-openapi';
import { sideBySide, within } from '#lib/clock.ts';
import { messageOf } from '#lib/result.ts';
import type { TownEntry } from '../../directory/directory-store.ts';
import type { Person } from '../../people/person.ts';
import { requirePerson } from '../edge/authenticate.ts';
import { callAs } from '../edge/as-person.ts';
import { callThrough } from '../edge/call-through.ts';
import { declareRoute } from '../edge/declare-route.ts';
import type { App, Edge } from '../edge/edge.ts';
import { Refusal } from '../edge/problem.ts';
import { openAiAnswers } from './error-shape.ts';
import { UTILITY_MODEL, agentOfModel } from './model-name.ts';

/** Towns whose agents are listed; an agent of any other town is a model all the same. */
const MAX_TOWNS = 100;
/** Towns that are asked at once. */
const LANES = 10;
/** A town that has not answered by then (ms) is left out: frontends wait for the list before they show anything. */
const PATIENCE_MS = 800;

/** A model, as the clients of this door read it. */
export const modelSchema = z
  .object({ id: z.string(), object: z.literal('model'), created: z.number().int(), owned_by: z.string() })
  .openapi('Model');
type Model = z.infer<typeof modelSchema>;
/** The list of models, as the clients of this door read it. */
export const modelListSchema = z.object({ object: z.literal('list'), data: z.array(modelSchema) }).openapi('ModelList');

const modelParams = z.object({
  model: z.string().max(256).openapi({ description: 'as the list has it, with slashes or `%2F`' }),
});

/** `GET /openai/v1/models` and one of them. */
export function modelRoutes(app: App, edge: Edge): void {
  app.openapi(
    declareRoute('OpenAI', ['person'], {
      operationId: 'listModels',
      method: 'get',
      path: '/openai/v1/models',
      summary: 'List the agents of your towns as models',
      middleware: [requirePerson(edge)] as const,
      responses: openAiAnswers(modelListSchema, 'The models'),
    }),
    async (c) => {
      const person = c.get('person').id;
      const data = await modelsOf(edge, person, await edge.directory.listOf(person, '', MAX_TOWNS));
      return c.json({ object: 'list' as const, data }, 200);
    },
  );
  app.openapi(
    declareRoute('OpenAI', ['person'], {
      operationId: 'getModel',
      method: 'get',
      path: '/openai/v1/models/{model}',
      summary: 'Read one of them',
      middleware: [requirePerson(edge)] as const,
      request: { params: modelParams },
      responses: openAiAnswers(modelSchema, 'The model'),
    }),
    async (c) => c.json(await modelOf(edge, c.get('person'), c.req.valid('param').model), 200),
  );
}

/** Under the name that the client has for it. */
async function modelOf(edge: Edge, person: Person, id: string): Promise<Model> {
  if (id === UTILITY_MODEL) return UTILITY;
  const { town, agent } = await agentOfModel(edge, person, id);
  const found = await callAs(edge.town(town.id), person.id, 'read', (me) => me.getAgent(agent));
  // A model that is gone is one that is not there.
  if (!found.ok || found.value.state === 'retired') throw new Refusal('not_found');
  return model(id, Date.parse(found.value.created_at), town);
}

async function modelsOf(edge: Edge, person: string, towns: readonly TownEntry[]): Promise<Model[]> {
  const found = new Map<TownEntry, Model[]>();
  const ask = async (entry: TownEntry): Promise<void> => {
    try {
      const agents = await callThrough(edge.town(entry.id).chat({ person }), (chat) => chat.liveAgents());
      if (agents.ok)
        found.set(
          entry,
          agents.value.map(({ name, createdAtMs }) => model(idOf(entry, name), createdAtMs, entry)),
        );
    } catch (thrown) {
      edge.log.warn('models.town_failed', { town: entry.id, error: messageOf(thrown) });
    }
  };
  // What comes after the patience is over is late for this list, and changes nothing.
  await within(PATIENCE_MS, sideBySide(LANES, towns, ask)).catch((thrown: unknown) => {
    edge.log.warn('models.late', { towns: towns.length, answered: found.size, error: messageOf(thrown) });
  });
  return [...towns.flatMap((town) => found.get(town) ?? []), UTILITY];

  function idOf(town: TownEntry, agent: string): string {
    // A name that several towns have names none of them.
    const isOnly = towns.every(({ id, name }) => id === town.id || name !== town.name);
    return `reeve/${isOnly ? town.name : town.id}/${agent}`;
  }
}

const UTILITY: Model = { id: UTILITY_MODEL, object: 'model', created: 0, owned_by: 'reeve' };

const model = (id: string, createdAtMs: number, town: TownEntry): Model => ({
  id,
  object: 'model',
  created: Math.floor(createdAtMs / 1000),
  owned_by: town.name,
});
