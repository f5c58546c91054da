/** The list of models: the agents of a person's towns, from what is stored. No container and no agent is woken for it. */
import { z } from '@hono/zod-openapi';
import { sideBySide, within } from '#lib/clock.ts';
import { messageOf } from '#lib/result.ts';
import type { TownEntry } from '../../directory/directory-store.ts';
import { requirePerson } from '../edge/authenticate.ts';
import { callThrough } from '../edge/call-through.ts';
import { declareRoute } from '../edge/declare-route.ts';
import type { App, Edge } from '../edge/edge.ts';
import { openAiAnswers } from './error-shape.ts';
import { UTILITY_MODEL } from './model-name.ts';

/** Towns whose agents are listed; an agent of any other town is a model all the same. */
const MAX_TOWNS = 100;
/** Towns that are asked at once. */
const LANES = 10;
/** A town that has not answered by then (ms) is left out: frontends wait for the list before they show anything. */
const PATIENCE_MS = 800;

const modelSchema = z
  .object({ id: z.string(), object: z.literal('model'), created: z.number().int(), owned_by: z.string() })
  .openapi('Model');
type Model = z.infer<typeof modelSchema>;
/** The list of models, as the clients of this door read it. */
export const modelListSchema = z.object({ object: z.literal('list'), data: z.array(modelSchema) }).openapi('ModelList');

/** `GET /openai/v1/models`. */
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
}

async function modelsOf(edge: Edge, person: string, towns: readonly TownEntry[]): Promise<Model[]> {
  const found = new Map<TownEntry, Model[]>();
  const ask = async (entry: TownEntry): Promise<void> => {
    try {
      const agents = await callThrough(edge.town(entry.id).chat({ person }), (chat) => chat.liveAgents());
      if (agents.ok)
        found.set(
          entry,
          agents.value.map(({ name, createdAtMs }) => model(entry, name, createdAtMs)),
        );
    } catch (thrown) {
      edge.log.warn('models.town_failed', { town: entry.id, error: messageOf(thrown) });
    }
  };
  // What comes after the patience is over is late for this list, and changes nothing.
  await within(PATIENCE_MS, sideBySide(LANES, towns, ask)).catch((thrown: unknown) => {
    edge.log.warn('models.late', { towns: towns.length, answered: found.size, error: messageOf(thrown) });
  });
  const utility = { id: UTILITY_MODEL, object: 'model', created: 0, owned_by: 'reeve' } as const;
  return [...towns.flatMap((town) => found.get(town) ?? []), utility];

  function model(town: TownEntry, name: string, createdAtMs: number): Model {
    // A name that several towns have names none of them.
    const isOnly = towns.every(({ id, name }) => id === town.id || name !== town.name);
    const created = Math.floor(createdAtMs / 1000);
    return { id: `reeve/${isOnly ? town.name : town.id}/${name}`, object: 'model', created, owned_by: town.name };
  }
}
