/** Everything that the towns, their containers and the directory hold: what a refused call must not change. */
import { env, listDurableObjectIds, runInDurableObject } from 'cloudflare:test';
import type { TownId } from '../../../src/protocol/index.ts';

/** What a refused call of an agent does change, where its token is that agent's: credential-history.test.ts says who writes there. */
const COUNTED = 'refused_calls';

/** Rows as JSON, by object and table; alarms and the ids of all objects too. */
export type Footprint = Readonly<Record<string, readonly string[]>>;

/** @param unlisted ids of objects that may come into being, empty */
export async function footprint(unlisted: readonly string[] = []): Promise<Footprint> {
  const { results } = await env.DIRECTORY.prepare('SELECT * FROM towns ORDER BY id').all<{ id: TownId }>();
  const ids = [...(await listDurableObjectIds(env.TOWN)), ...(await listDurableObjectIds(env.AGENT_CONTAINER))];
  const found: Record<string, readonly string[]> = {
    directory: results.map((row) => JSON.stringify(row)),
    memberships: await directoryRows('SELECT * FROM memberships ORDER BY town, person'),
    keys: await directoryRows('SELECT * FROM api_keys ORDER BY id'),
    links: await directoryRows('SELECT * FROM sign_in_links ORDER BY digest'),
    objects: ids
      .map(String)
      .filter((id) => !unlisted.includes(id))
      .toSorted(),
  };
  for (const { id } of results) {
    Object.assign(found, await tablesOf(id, env.TOWN.getByName(id)));
    const containers = found[`${id}.containers`] ?? [];
    for (let index = 0; index < containers.length; index += 1) {
      const name = `${id}:${index}`;
      Object.assign(found, await tablesOf(name, env.AGENT_CONTAINER.getByName(name)));
    }
  }
  return found;
}

async function directoryRows(query: string): Promise<string[]> {
  const { results } = await env.DIRECTORY.prepare(query).all();
  return results.map((row) => JSON.stringify(row));
}

/** Every table of one object, and its alarm. An object that nothing was ever written to has none. */
export function tablesOf(name: string, stub: DurableObjectStub): Promise<Record<string, string[]>> {
  return runInDurableObject(stub, async (_, { storage }) => {
    const tables = storage.sql
      .exec<{ name: string }>(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
      )
      .toArray();
    const alarm = await storage.getAlarm();
    const dumped: Record<string, string[]> = alarm === null ? {} : { [`${name} alarm`]: [String(alarm)] };
    for (const table of tables.filter(({ name: table }) => table !== COUNTED)) {
      const rows = storage.sql.exec(`SELECT * FROM "${table.name}"`).toArray();
      dumped[`${name}.${table.name}`] = rows.map((row) => JSON.stringify(row));
    }
    return dumped;
  });
}
