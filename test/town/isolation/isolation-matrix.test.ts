import { SELF, createExecutionContext, env, runDurableObjectAlarm, waitOnExecutionContext } from 'cloudflare:test';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createApp } from '../../../src/http/app.ts';
import { TICKET_ADVICE } from '../../../src/http/edge/authenticate.ts';
import { edgeOf } from '../../../src/http/edge/edge.ts';
import type { Log } from '../../../src/lib/log.ts';
import { PROBLEMS, type Problem, type ProblemCode } from '../../../src/protocol/index.ts';
import { findSecrets } from '../../support/secret-scan.ts';
import { everyCredential, type Credential } from '../support/credentials.ts';
import {
  DOORS,
  GUEST,
  METRICS_ROUTE,
  PUBLIC,
  doorOf,
  openedAnswer,
  outcomeOf,
  placesOf,
  type Place,
} from '../support/doors.ts';
import { TestHook } from '../support/hooks.ts';
import { footprint, tablesOf } from '../support/footprint.ts';
import { lab } from '../support/lab.ts';
import { oauthRefusal, oauthRequest } from '../support/oauth-doors.ts';
import { askIn, buildScene, type Scene } from '../support/scene.ts';
import { agentToken } from '../support/deployment-tokens.ts';
import { TestTown, api, startLab } from '../support/town.ts';
import { DEV_TOKEN, PUBLIC_URL, deployment } from '../support/wiring.ts';

const HELLO = 'POST /v1/container/hello';
const routes = await routesOfTheRunningApp();
const lines: string[] = [];
let app: ReturnType<typeof createApp>;
let scene: Scene;
let credentials: Credential[];

beforeAll(async () => {
  startLab();
  scene = await buildScene();
  credentials = await everyCredential(scene);
  const { config, issuer } = await deployment();
  app = createApp({ ...edgeOf(env, config), clock: lab.clock, issuer, log: logInto(lines) });
  // After a run of its alarm each town has set it exactly, so that even an object that comes up anew finds nothing to change.
  const { results } = await env.DIRECTORY.prepare('SELECT id FROM towns').all<{ id: string }>();
  for (const { id } of results) await runDurableObjectAlarm(env.TOWN.getByName(id));
});

describe('the route table', () => {
  it('S-17: every route of the running app is in the isolation matrix, and the matrix names no other', () => {
    expect(routes.toSorted()).toEqual(Object.keys(DOORS).toSorted());
  });

  it('S-17: what the app serves beside its OpenAPI document needs no credentials, but for /metrics, and is listed', () => {
    const served = app.routes.filter(({ method }) => method !== 'ALL');
    const names = new Set(served.map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`));
    expect([...names].filter((name) => !routes.includes(name)).toSorted()).toEqual(
      [...PUBLIC, METRICS_ROUTE].toSorted(),
    );
  });
});

describe('the right signature in the wrong place', () => {
  let refusals = 0;
  // oxlint-disable-next-line eslint/no-console -- the size is for the reader of the run
  afterAll(() => console.log(`${routes.length} routes, ${credentials.length} credentials: ${refusals} refusals`));

  it.each(routes)(
    'S-17: %s refuses every credential that is not for it, and every place that is not theirs, and nothing is written',
    async (route) => {
      const cells = placesOf(scene, route)
        .flatMap((place) =>
          credentials.map((credential) => ({ place, credential, outcome: outcomeOf(route, place, credential) })),
        )
        .filter((cell): cell is typeof cell & { outcome: ProblemCode } => cell.outcome !== 'accepted');
      const before = await everything();
      const sent = [vi.spyOn(lab, 'submit').mockClear(), vi.spyOn(globalThis, 'fetch').mockClear()];
      for (const { place, credential, outcome } of cells) {
        const cell = { at: place.name, with: `${credential.kind}, ${credential.name}` };
        const answer = await knock(route, place, credential.header);
        const expected = isOauth(route) ? oauthFor(outcome, route, credential.header) : problemFor(outcome, route);
        expect({ ...cell, ...(await problemOf(answer)) }).toEqual({ ...cell, ...expected });
      }
      expect(sent.map(({ mock }) => mock.calls.length)).toEqual([0, 0]);
      expect(await everything()).toEqual(before);
      refusals += cells.length;
    },
  );

  it('M-13: a token signed for a town that is not there: 401, and the object of that name holds no table and no alarm', async () => {
    const token = await agentToken({ town: scene.ghost, agent: scene.agents.live.id, inc: 1, gen: 1 });
    const call = { name: 'the door', fill: {}, opensFor: null, outcome: 'accepted' } as const;
    expect((await knock('POST /v1/agent/heartbeat', call, `Bearer ${token}`)).status).toBe(401);
    expect(await tablesOf('ghost', env.TOWN.getByName(scene.ghost))).toEqual({});
  });

  it("S-17: a list of towns shows one's own and no other", async () => {
    const { body } = await api<{ items: { id: string }[] }>('GET', '/v1/towns');
    const ids = body.items.map(({ id }) => id);
    expect(ids).toContain(scene.town.id);
    expect(ids).not.toContain(scene.foreign.town.id);
  });
});

describe('the right credential in the right place', () => {
  // A hello makes every town look at its containers, whose processes ended with the test that made them: it comes last, because
  // the sessions of the scene are over after it.
  const helloLast = [...routes.filter((route) => route !== HELLO), HELLO];

  it.each(helloLast)(
    'is accepted by %s, so that what the matrix refuses is refused for the credential',
    async (route) => {
      const accepted = placesOf(scene, route).flatMap((place) => {
        return credentials
          .filter((credential) => outcomeOf(route, place, credential) === 'accepted')
          .map((credential) => ({ place, credential }));
      });
      expect(accepted).not.toEqual([]);
      // At this time: the credentials of the scene are as old as they are.
      const town = await TestTown.createNow();
      const agent = await town.agent('ada');
      // One that waits, so that it can still be cancelled.
      await town.api('POST', '/agents/ada/stop');
      const { id: message } = await town.send('ada', 'hello');
      const permission = await askIn(town, agent.id, message);
      const { view: hook } = await TestHook.create(town, 'board', ['reeve.town.created']);
      await town.api('PUT', `/members/${encodeURIComponent(GUEST)}`, { role: 'viewer' });
      for (const { place, credential } of accepted) {
        const own = {
          town: town.id,
          agent: agent.id,
          model: `reeve/${town.id}/${agent.id}`,
          message,
          permission,
          webhook: hook.id,
          key: scene.keys.own,
          subject: GUEST,
        };
        const fill = doorOf(route).opensFor === 'person' ? own : place.fill;
        const answer = await knock(route, { ...place, fill }, credential.header);
        const opened = answer.webSocket;
        opened?.accept();
        opened?.close(1000, 'seen');
        await answer.body?.cancel();
        const accepted = opened !== null || answer.ok || openedAnswer(route).startsWith(String(answer.status));
        expect([place.name, credential.name, accepted]).toEqual([place.name, credential.name, true]);
      }
    },
  );
});

describe('what is left behind', () => {
  it('W-22: a token that a caller puts into an address is in no line of the log, when a town fails just then, either', async () => {
    const { config, issuer } = await deployment();
    const edge = { ...edgeOf(env, config), clock: lab.clock, issuer, log: logInto(lines) };
    const town = () => {
      throw new Error('the town fails');
    };
    const failing = createApp({ ...edge, town });
    const token = (credentials.find(({ name }) => name === 'expired')?.header ?? '').slice('Bearer '.length);
    const seen = lines.length;
    for (const path of [`/agents/${token.slice(-43)}`, `/agents/${DEV_TOKEN}/messages?token=${token}`]) {
      const headers = { authorization: `Bearer ${DEV_TOKEN}` };
      const request = new Request(`${PUBLIC_URL}/v1/towns/${scene.town.id}${path}`, { headers });
      expect((await failing.fetch(request, {}, createExecutionContext())).status).toBe(500);
    }
    const said = lines.slice(seen).map((line) => JSON.parse(line) as { event: string; route?: string });
    for (const event of ['request.failed', 'http.request']) {
      expect(said.filter((line) => line.event === event).map(({ route }) => route)).toEqual([
        '/v1/towns/:town/agents/:agent',
        '/v1/towns/:town/agents/:agent/messages',
      ]);
    }
    expect(findSecrets('log', lines.slice(seen).join('\n'), { token, person: DEV_TOKEN })).toEqual([]);
  });

  it('S-23, T6: no table of any town, container or directory, and no line of the log, holds a token or a secret', async () => {
    const known = Object.fromEntries(
      credentials
        .filter(({ kind, name }) => !['none', 'malformed', 'push token'].includes(kind) && !PUBLIC_KNOWLEDGE.has(name))
        .map(({ kind, name, header }) => [`${kind}, ${name}`, (header ?? '').slice('Bearer '.length)]),
    );
    Object.assign(known, scene.tickets, { used: scene.codes.used, expired: scene.codes.expired });
    const tables = Object.entries(await everything());
    expect(tables.length).toBeGreaterThan(40);
    expect(tables.flatMap(([table, rows]) => findSecrets(table, rows.join('\n'), known))).toEqual([]);
    expect(lines.length).toBeGreaterThan(0);
    expect(findSecrets('log', lines.join('\n'), known)).toEqual([]);
  });
});

/** One request, through the edge and into the towns. */
async function knock(route: string, place: Place, header: string | null): Promise<Response> {
  const [method = '', template = ''] = route.split(' ');
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(place.fill[name] ?? ''));
  const body = typeof place.body === 'function' ? await place.body() : (place.body ?? doorOf(route).body);
  const headers = new Headers(body === undefined ? {} : { 'content-type': 'application/json' });
  if (doorOf(route).opensFor === 'ticket') headers.set('upgrade', 'websocket');
  if (header !== null) headers.set('authorization', header);
  const json = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const init = isOauth(route) ? oauthRequest(route, header) : json;
  const context = createExecutionContext();
  const query = (await place.query?.()) ?? '';
  const answer = await app.fetch(new Request(`${PUBLIC_URL}${path}${query}`, init), {}, context);
  await waitOnExecutionContext(context);
  return answer;
}

/** All that a refusal says, but for the id of the request, which a header has too. */
async function problemOf(answer: Response): Promise<object> {
  const { request_id: _, ...problem } = await answer.json<Problem>();
  return {
    problem,
    ids: typeof answer.headers.get('x-request-id'),
    headers: HEADERS.map((name) => answer.headers.get(name)),
    status: answer.status,
  };
}

const HEADERS = ['content-type', 'cache-control', 'www-authenticate', 'retry-after'];

/** The one answer of its code; without a ticket a stream adds the same advice everywhere. */
function problemFor(code: ProblemCode, route: string): object {
  const { status, title } = PROBLEMS[code];
  const isOpenAi = route.includes(' /openai/');
  const type = isOpenAi ? 'application/json' : 'application/problem+json';
  const headers = [type, 'no-store', CHALLENGES[code] ?? CHALLENGES[status] ?? null, null];
  if (isOpenAi) return { problem: openAiErrorOf(code), ids: 'string', headers, status };
  const advice = route.endsWith('/stream') && code === 'unauthenticated' ? { detail: TICKET_ADVICE } : {};
  return { problem: { type: 'about:blank', title, status, code, ...advice }, ids: 'string', headers, status };
}

/** The same of a route of OAuth, where a credential in the body meets no challenge. */
function oauthFor(code: ProblemCode, route: string, header: string | null): object {
  const { status, body } = oauthRefusal(route, code, header);
  const challenge = status === 400 ? null : (CHALLENGES[code] ?? CHALLENGES[status] ?? null);
  return { problem: body, ids: 'string', headers: ['application/json', 'no-store', challenge, null], status };
}

const isOauth = (route: string): boolean => route.includes('/v1/oauth/');

/** The door for chat frontends says the same in its own words; what is not found is always what `model` names. */
function openAiErrorOf(code: ProblemCode): object {
  const { status, title } = PROBLEMS[code];
  const type =
    new Map<number, string>([
      [401, 'authentication_error'],
      [403, 'permission_error'],
    ]).get(status) ?? 'invalid_request_error';
  if (code !== 'not_found') return { error: { message: title, type, param: null, code } };
  const message = 'There is no such model, or it is not yours.';
  return { error: { message, type, param: 'model', code: 'model_not_found' } };
}

const CHALLENGES: Readonly<Record<string, string>> = {
  unauthenticated: 'Bearer realm="reeve"',
  401: 'Bearer realm="reeve", error="invalid_token"',
  insufficient_scope: 'Bearer realm="reeve", error="insufficient_scope"',
};

/** Not secret, though shown as if: ids and digests may be stored. */
const PUBLIC_KNOWLEDGE = new Set([
  'the name of the person',
  'its id',
  'the jti of its token',
  'its digest',
  'its digest, as it is stored',
  'the id of the session',
]);

/** But for the object of the town that is not there: it comes into being empty, which a test of its own shows. */
const everything = () => footprint([env.TOWN.idFromName(scene.ghost).toString()]);

async function routesOfTheRunningApp(): Promise<string[]> {
  const response = await SELF.fetch(`${PUBLIC_URL}/openapi.json`);
  const { paths } = await response.json<{ paths: Record<string, Record<string, unknown>> }>();
  return Object.entries(paths).flatMap(([path, methods]) => {
    return Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`);
  });
}

function logInto(lines: string[]): Log {
  const write = (event: string, fields?: object) => void lines.push(JSON.stringify({ event, ...fields }));
  return { info: write, warn: write, error: write };
}
