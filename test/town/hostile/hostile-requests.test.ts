/**
 * Every route of the Worker against hostile requests, with a credential that opens it. In the suite each route is tried with a part of
 * the recorded cases, another part for each, and with few drawn ones; `REEVE_HOSTILE=full` asks for all of them (SECURITY.md).
 */
import { createExecutionContext, env, waitOnExecutionContext } from 'cloudflare:test';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createApp } from '../../../src/http/app.ts';
import { edgeOf } from '../../../src/http/edge/edge.ts';
import { openAiErrorSchema } from '../../../src/http/openai/error-shape.ts';
import { oauthErrorSchema, problemSchema } from '../../../src/protocol/index.ts';
import { openedAnswer } from '../support/doors.ts';
import { tablesOf } from '../support/footprint.ts';
import { drawn, recorded, requestOf, whatRoutesSay, type HostileRequest } from '../support/hostile-requests.ts';
import { HostileWorld } from '../support/hostile-world.ts';
import { lab } from '../support/lab.ts';
import { startLab, type TestTown } from '../support/town.ts';
import { deployment } from '../support/wiring.ts';

const IS_FULL = env.HOSTILE === 'full';
/** Of so many recorded cases the suite tries one at each route. */
const STRIDE = IS_FULL ? 1 : 13;
const DRAWN = IS_FULL ? 100 : 6;
const SEED = 20_270_301;

/** The longest (bytes) that any refusal is. */
const MAX_REFUSAL_BYTES = 16 * 1024;
/** No answer takes so long (ms), on a busy machine either. */
const HANG_MS = 10_000;

const said = await whatRoutesSay();
let app: ReturnType<typeof createApp>;
let world: HostileWorld | null = null;

beforeAll(async () => {
  startLab();
  const { config, issuer } = await deployment();
  const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
  app = createApp({ ...edgeOf(env, config), clock: lab.clock, issuer, log: quiet });
});

describe('a hostile request', () => {
  let tried = 0;
  let refused = 0;
  // oxlint-disable-next-line eslint/no-console -- the size is for the reader of the run
  afterAll(() => console.log(`${said.size} routes: ${tried} hostile requests, ${refused} of them refused`));

  it.each([...said.keys()])(
    'to %s is answered, never with a fault of the server, and changes nothing where it is refused',
    { timeout: IS_FULL ? 600_000 : 60_000 },
    async (route) => {
      world ??= await HostileWorld.create();
      const own = world;
      const about = said.get(route) ?? { parameters: [], body: null };
      const good = await own.good(route);
      const nth = [...said.keys()].indexOf(route);
      const all = recorded(good, about).filter((_, at) => at % STRIDE === nth % STRIDE);
      all.push(...drawn(good, about, SEED + nth, DRAWN));
      // The other caller, whose credential is good elsewhere.
      const token = await own.agentToken();
      all.push({ name: 'as an agent', request: () => requestOf({ ...good, token }) });
      const faults: string[] = [];
      let before = await settled(own.town);
      for (const hostile of all) {
        const { status, fault } = await answerTo(route, hostile, own);
        tried += 1;
        if (fault !== null) faults.push(`${hostile.name}: ${status}, ${fault}`);
        const after = await (status < 400 ? settled(own.town) : tablesOf(own.town.id, own.town.stub));
        if (status >= 400) {
          refused += 1;
          faults.push(...changesOf(before, after).map((change) => `${hostile.name}: ${status}, and ${change}`));
        }
        before = after;
      }
      expect(faults).toEqual([]);
      if (own.isSpentBy(route)) world = null;
    },
  );
});

/** The tables of a town once what it accepted is done. */
async function settled(town: TestTown): Promise<Tables> {
  await town.settled();
  return tablesOf(town.id, town.stub);
}

type Tables = Readonly<Record<string, readonly string[]>>;

function changesOf(before: Tables, after: Tables): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names]
    .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
    .map(
      (name) =>
        `${name} is another: ${rowsNotIn(before[name], after[name])} in place of ${rowsNotIn(after[name], before[name])}`,
    );
}

const rowsNotIn = (known: readonly string[] = [], rows: readonly string[] = []): string =>
  rows.filter((row) => !known.includes(row)).join(' ');

/** What a route answers, and what is wrong with that, or null. */
async function answerTo(
  route: string,
  { request }: HostileRequest,
  { town }: HostileWorld,
): Promise<{ status: number; fault: string | null }> {
  const context = createExecutionContext();
  const late = Promise.withResolvers<null>();
  const timer = setTimeout(() => late.resolve(null), HANG_MS);
  const answered = app.fetch(request(), {}, context);
  // A whole answer of a chat comes at the end of a turn, for which the clock would have to move: what asks for one was taken.
  const isTaken = route.startsWith('POST /openai/') ? town.settled().then(() => 'taken' as const) : late.promise;
  const answer = await Promise.race([answered, isTaken, late.promise]);
  clearTimeout(timer);
  if (answer === null) return { status: 0, fault: 'it hangs' };
  if (answer === 'taken') return { status: 200, fault: null };
  const { status } = answer;
  if (status < 400) {
    answer.webSocket?.accept();
    answer.webSocket?.close(1000, 'seen');
    await answer.body?.cancel();
    return { status, fault: null };
  }
  const text = await answer.text();
  await waitOnExecutionContext(context);
  return { status, fault: faultOf(route, answer, text) };
}

function faultOf(route: string, { status, headers }: Response, text: string): string | null {
  if (status >= 500 && !openedAnswer(route).startsWith(String(status))) return `a fault of the server: ${text}`;
  if (text.length > MAX_REFUSAL_BYTES) return `a refusal of ${text.length} characters: ${text.slice(0, 200)}`;
  const [type = ''] = (headers.get('content-type') ?? '').split(';');
  const schema = type === 'application/problem+json' ? problemSchema : z.union([openAiErrorSchema, oauthErrorSchema]);
  return schema.safeParse(JSON.parse(text)).success ? null : `no problem document, ${type}: ${text.slice(0, 200)}`;
}
