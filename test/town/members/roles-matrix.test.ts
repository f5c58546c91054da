/** Every route in a town, for a stranger and each role, with each scope of an API key, by OpenID Connect and by Cloudflare Access. */
import { createExecutionContext, runDurableObjectAlarm, waitOnExecutionContext } from 'cloudflare:test';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { createApp } from '../../../src/http/app.ts';
import { ROLE_ALLOWS, allowsScope, type PersonScope } from '../../../src/protocol/index.ts';
import { NEEDED } from '../../support/needed-scopes.ts';
import { admitAll, makeCallers, type Caller } from '../support/callers.ts';
import { DOORS, GUEST, openedAnswer } from '../support/doors.ts';
import { TestHook } from '../support/hooks.ts';
import { footprint } from '../support/footprint.ts';
import { askIn } from '../support/scene.ts';
import { TestTown, api, startLab } from '../support/town.ts';
import { PUBLIC_URL } from '../support/wiring.ts';

/** Routes that name an agent as a model. */
const isOfModel = (route: string): boolean => / \/openai\/v1\/(?!models$)/.test(route);
/** A town with one of everything. */
type Filled = Readonly<Record<'town' | 'agent' | 'message' | 'permission' | 'webhook' | 'subject', string>>;

startLab();
const routes = await routesInTowns();
let callers: readonly Caller[];
let app: ReturnType<typeof createApp>;
let shared: Filled;
let refusals = 0;

beforeAll(async () => {
  const made = await makeCallers();
  callers = made.callers;
  app = createApp(made.edge);
  shared = await filledTown();
});
afterAll(() => {
  vi.restoreAllMocks();
  // oxlint-disable-next-line eslint/no-console -- the size is for the reader of the run
  console.log(`${routes.length} routes, ${callers.length} callers: ${refusals} refusals`);
});

async function filledTown(): Promise<Filled> {
  const town = await TestTown.createNow();
  const agent = await town.agent('ada');
  // What is sent to it waits, and can be cancelled.
  await town.api('POST', '/agents/ada/stop');
  const { id: message } = await town.send('ada', 'hello');
  const permission = await askIn(town, agent.id, message);
  const { view } = await TestHook.create(town, 'board', ['reeve.town.created']);
  await town.api('PUT', `/members/${encodeURIComponent(GUEST)}`, { role: 'viewer' });
  await admitAll(town);
  await town.settled();
  // It has set its alarm exactly from here on.
  await runDurableObjectAlarm(town.stub);
  return { town: town.id, agent: agent.id, message, permission, webhook: view.id, subject: GUEST };
}

async function routesInTowns(): Promise<string[]> {
  const { body } = await api<unknown>('GET', '/openapi.json');
  const { paths } = z.object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) }).parse(body);
  const all = Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const ofTown = (route: string): boolean => route.includes('/v1/towns/{town}') && !route.endsWith('/stream');
  return all.filter((route) => ofTown(route) || isOfModel(route));
}

/** `200`, or a problem as `403 insufficient_role`. */
async function knock(route: string, fill: Filled, { headers }: Caller): Promise<string> {
  const [method = '', template = ''] = route.split(' ');
  const model = `reeve/${fill.town}/${fill.agent}`;
  const names = { ...fill, model };
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: keyof typeof names) => encodeURIComponent(names[name]));
  const input = [{ role: 'user', content: 'hi' }];
  const chat = { model, stream: true, messages: input, input };
  const body = method === 'POST' && isOfModel(route) ? chat : DOORS[route]?.body;
  const init = {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
  const context = createExecutionContext();
  const answer = await app.fetch(new Request(`${PUBLIC_URL}${path}`, init), {}, context);
  if (answer.ok) {
    await answer.body?.cancel();
    await waitOnExecutionContext(context);
    return '200';
  }
  const { code, error } = await answer.json<{ code?: string; error?: { code: string } }>();
  await waitOnExecutionContext(context);
  return `${answer.status} ${code ?? error?.code ?? ''}`;
}

/** What a caller is to be answered where a route takes so much. */
function expected(route: string, { role, scope }: Caller, needed: PersonScope): string {
  if (!allowsScope(scope, needed)) return '403 insufficient_scope';
  if (role === 'stranger') return isOfModel(route) ? '404 model_not_found' : '404 not_found';
  return allowsScope(ROLE_ALLOWS[role], needed) ? openedAnswer(route) : '403 insufficient_role';
}

/** Each caller, with what it is to be answered; the second list has those who are let in. */
function answersOf(route: string): [refused: [Caller, string][], admitted: Caller[]] {
  const needed = NEEDED[route];
  if (needed === undefined) throw new Error(`${route} is not in the table of scopes`);
  const opened = openedAnswer(route);
  const told = callers.map((caller): [Caller, string] => [caller, expected(route, caller, needed)]);
  return [
    told.filter(([, outcome]) => outcome !== opened),
    told.filter(([, outcome]) => outcome === opened).map(([caller]) => caller),
  ];
}

/** What a caller is answered, with the words by which a failure names the caller. */
const told = ({ role, by, scope }: Caller, outcome: string): string[] => [role, by, scope, outcome];

describe('a role and a credential together', () => {
  // All of these before the first town of the others: what nothing may change in is one town.
  it.each(routes)('decide %s: who has too little of either is refused, and nothing has changed', async (route) => {
    const [refused] = answersOf(route);
    const before = await footprint();
    for (const [caller, outcome] of refused) {
      expect(told(caller, await knock(route, shared, caller))).toEqual(told(caller, outcome));
    }
    expect(await footprint()).toEqual(before);
    refusals += refused.length;
  });

  it.each(routes)('decide %s: who has enough of both is let in', async (route) => {
    const [, admitted] = answersOf(route);
    for (const caller of admitted) {
      // What one has ended or changed is not there for the next.
      const fill = route.startsWith('GET ') ? shared : await filledTown();
      expect(told(caller, await knock(route, fill, caller))).toEqual(told(caller, openedAnswer(route)));
    }
  });
});
