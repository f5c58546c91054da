/** Names of models: an agent is one, `reeve/<town>/<agent>`, and so is what answers side calls. */
import { townIdSchema, type TownId } from '#protocol';
import type { Edge } from '../edge/edge.ts';
import type { Person } from '../../people/person.ts';

/** Answers what frontends ask beside a chat (titles, tags, health checks) without an agent. */
export const UTILITY_MODEL = 'reeve/utility';

/** The agent that a model names, each part an id or a name; null: it names none. Clients that put it into an address write %2F. */
export function agentOfModel(model: string): { readonly town: string; readonly agent: string } | null {
  const parts = model.replaceAll(/%2f/gi, '/').split('/');
  const [prefix, town, agent] = parts;
  if (parts.length !== 3 || prefix !== 'reeve' || town === undefined || agent === undefined) return null;
  return { town, agent };
}

/** A town that a person is a member of, by its id, or by its name where no other town of theirs has it; null: there is none. */
export async function memberTownOf(edge: Edge, person: Person, idOrName: string): Promise<TownId | null> {
  const id = townIdSchema.safeParse(idOrName);
  if (!id.success) {
    const named = await edge.directory.named(person.id, idOrName, 2);
    return named.length === 1 ? (named[0]?.id ?? null) : null;
  }
  const found = await edge.directory.findFor(person.id, id.data);
  return found?.deletedAtMs === null ? found.id : null;
}
