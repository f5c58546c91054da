/** Route for programs that watch over towns: `GET /metrics`. Reads the directory alone, page by page; no town is touched (T10). */
import type { Context } from 'hono';
import type { WatchedTown } from '../../directory/directory-store.ts';
import { requireScraper } from '../edge/authenticate.ts';
import type { App, Edge, EdgeEnv } from '../edge/edge.ts';
import { Refusal } from '../edge/problem.ts';
import { EXPOSITION_TYPE, exposition } from '#lib/exposition.ts';
import { Fleet } from './fleet.ts';

const PAGE = 500;
/** Towns that one answer tells of at most: forty pages. */
const MAX_TOWNS_READ = 20_000;

/**
 * Figures of every town that a person is a member of, or, for the operator, of every town; with `?town=` of one. Not described in
 * `/openapi.json`: the format is Prometheus' own.
 */
export function metricsRoutes(app: App, edge: Edge): void {
  app.get('/metrics', requireScraper(edge), async (c) => {
    const fleet = new Fleet(edge.clock.now());
    const only = c.req.query('town');
    const person = c.get('isPerson') ? c.get('person').id : null;
    const isWhole = await (only === undefined ? addAll(edge, person, fleet) : addOne(edge, person, fleet, only));
    return metricsAnswer(c, exposition(fleet.families(isWhole)));
  });
}

const metricsAnswer = (c: Context<EdgeEnv>, text: string): Response =>
  c.body(text, 200, { 'content-type': EXPOSITION_TYPE, 'cache-control': 'no-store' });

/** Returns whether there are no more. */
async function addAll(edge: Edge, person: string | null, fleet: Fleet): Promise<boolean> {
  const { directory } = edge;
  let page: readonly WatchedTown[] = [];
  for (let read = 0; read < MAX_TOWNS_READ; read += PAGE) {
    const after = page.at(-1)?.id ?? '';
    page = await (person === null ? directory.pageOfWatched(after, PAGE) : directory.listOf(person, after, PAGE));
    await addTowns(edge, page, fleet);
    if (page.length < PAGE) return true;
  }
  return false;
}

/** A town of others looks like one that is not there. */
async function addOne(edge: Edge, person: string | null, fleet: Fleet, id: string): Promise<true> {
  const town = await (person === null ? edge.directory.findWatched(id) : edge.directory.findFor(person, id));
  if (town === null || town.deletedAtMs !== null) throw new Refusal('not_found');
  await addTowns(edge, [town], fleet);
  return true;
}

/** One that is being deleted says nothing any more. */
async function addTowns({ figures }: Edge, towns: readonly WatchedTown[], fleet: Fleet): Promise<void> {
  const live = towns.filter(({ deletedAtMs }) => deletedAtMs === null);
  const said = await figures.ofTowns(live.map(({ id }) => id));
  for (const { id, nextDueAtMs } of live) fleet.add({ id, nextDueAtMs, published: said.get(id) ?? null });
}
