/** Names of models: an agent is one, `reeve/<town>/<agent>`, and so is what answers side calls. */
import { townIdSchema } from '#protocol';
import type { TownEntry } from '../../directory/directory-store.ts';
import type { Edge } from '../edge/edge.ts';
import { Refusal } from '../edge/problem.ts';
import type { Person } from '../../people/person.ts';

/** Answers what frontends ask beside a chat (titles, tags, health checks) without an agent. */
export const UTILITY_MODEL = 'reeve/utility';

/** A path as it is routed: the name of a model is one segment of it, where a client left its slashes as they are too. */
export const modelAsOneSegment = (path: string): string =>
  path.replace(/(?<=^\/openai\/v1\/models\/).+/, (model) => model.replaceAll('/', '%2F'));

/**
 * The agent that a model names, each part an id or a name, in a town that the person is a member of; whether the agent is there, the town
 * knows. Clients that put the name into an address write %2F. Throws a `Refusal` where it names none.
 */
export async function agentOfModel(
  edge: Edge,
  person: Person,
  model: string,
): Promise<{ readonly town: TownEntry; readonly agent: string }> {
  const parts = model.replaceAll(/%2f/gi, '/').split('/');
  const [prefix, idOrName, agent] = parts;
  if (parts.length !== 3 || prefix !== 'reeve' || idOrName === undefined || agent === undefined)
    throw new Refusal('not_found');
  const town = await memberTownOf(edge, person, idOrName);
  if (town === null) throw new Refusal('not_found');
  return { town, agent };
}

/** A town that a person is a member of, by its id, or by its name where no other town of theirs has it; null: there is none. */
async function memberTownOf(edge: Edge, person: Person, idOrName: string): Promise<TownEntry | null> {
  const id = townIdSchema.safeParse(idOrName);
  if (!id.success) {
    const named = await edge.directory.named(person.id, idOrName, 2);
    return named.length === 1 ? (named[0] ?? null) : null;
  }
  const found = await edge.directory.findFor(person.id, id.data);
  return found?.deletedAtMs === null ? found : null;
}
