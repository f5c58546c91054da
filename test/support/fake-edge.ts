/** The edge over small honest parts: a directory in SQLite, towns in memory, real keys, a clock that stands still. */
import type { TownId } from '#protocol';
import { Directory } from '../../src/directory/directory-store.ts';
import { FiguresStore } from '../../src/directory/figures-store.ts';
import { createApp } from '../../src/http/app.ts';
import type { Edge } from '../../src/http/edge/edge.ts';
import { ApiKeyStore } from '../../src/directory/api-key-store.ts';
import { SignInLinkStore } from '../../src/directory/sign-in-link-store.ts';
import { signIn } from '../../src/people/sign-in.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { Secret } from '../../src/lib/secret.ts';
import { mintAgentToken, type AgentTokenOrder } from '../../src/tokens/mint.ts';
import { CONTAINER_SECRET, DEV_TOKEN, configOf, loopbackBindings, type Bindings } from './bindings.ts';
import { FakeTownObject, type TownCall } from './fake-town-object.ts';
import { townId } from './ids.ts';
import { VerifiedTokens } from '../../src/tokens/verified-tokens.ts';
import { NOW_MS, makeIssuer, orderOf } from './issuer.ts';
import { directoryDatabase } from './sqlite.ts';

export interface EdgeScene {
  readonly edge: Edge;
  /** Sends a request; JSON bodies and bearers are put into their places. */
  readonly send: (method: string, path: string, given?: Given) => Promise<Response>;
  /** Answers a request as it came over a connection. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** Every call of every town: empty where no Durable Object came into being. */
  readonly calls: TownCall[];
  readonly town: FakeTownObject;
  readonly log: { level: string; event: string; fields: unknown }[];
  /** The fields of the line of each request, in order, which are not in `log`. */
  readonly requests: Readonly<Record<string, unknown>>[];
  readonly agentToken: (changes?: Partial<AgentTokenOrder>) => Promise<string>;
  /** Every row of a table of the directory. */
  readonly rows: (table: string) => Promise<unknown[]>;
  /** Resolves when everything that a request left for later is done. */
  readonly settled: () => Promise<unknown>;
}

export interface Given {
  readonly bearer?: string | null;
  readonly authorization?: string;
  readonly json?: unknown;
  readonly body?: string | Uint8Array<ArrayBuffer> | ReadableStream;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The town that the person of `DEV_TOKEN` owns; the directory also holds one of another person, `FOREIGN`. */
export const OWN = townId(1);
export const FOREIGN = townId(2);
export const UNKNOWN = townId(3);

const allow = (): Promise<void> => Promise.resolve();

/** `changes`: of the configuration. */
export async function makeScene(changes: Bindings = {}, clock: Clock = { now: () => NOW_MS }): Promise<EdgeScene> {
  const calls: TownCall[] = [];
  const log: EdgeScene['log'] = [];
  const requests: EdgeScene['requests'] = [];
  const record =
    (level: string) =>
    (event: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      if (event === 'http.request') requests.push(fields);
      else log.push({ level, event, fields });
    };
  const issuer = await makeIssuer();
  const config = configOf(loopbackBindings({ SIGNING_KEYS: JSON.stringify(issuer.keys), ...changes }));
  const towns = new Map<TownId, FakeTownObject>();
  const database = directoryDatabase();
  const directory = new Directory(database);
  const apiKeys = new ApiKeyStore(database);
  await directory.create({ id: OWN, name: 'first', owner: 'dev', createdAtMs: NOW_MS });
  await directory.create({ id: FOREIGN, name: 'theirs', owner: 'somebody', createdAtMs: NOW_MS });
  const townOf = (id: TownId): FakeTownObject => {
    const known = towns.get(id) ?? new FakeTownObject(id, calls);
    towns.set(id, known);
    return known;
  };
  const edge: Edge = {
    config: { ...config, containerSecret: new Secret(CONTAINER_SECRET) },
    clock,
    log: { info: record('info'), warn: record('warn'), error: record('error') },
    issuer: async () => issuer,
    agentTokens: new VerifiedTokens(100),
    people: signIn(
      config.signIn,
      new Secret(DEV_TOKEN),
      (id) => apiKeys.get(id),
      () => clock.now(),
    ),
    rates: { person: allow, agent: allow, badSignIn: allow },
    directory,
    figures: new FiguresStore(database),
    apiKeys,
    signInLinks: new SignInLinkStore(database),
    assets: null,
    town: townOf,
  };
  const app = createApp(edge);
  const later: Promise<unknown>[] = [];
  const context = {
    waitUntil: (work: Promise<unknown>) => void later.push(work),
    passThroughOnException: () => undefined,
    props: {},
  };
  return {
    edge,
    calls,
    log,
    requests,
    town: townOf(OWN),
    fetch: async (request) => app.fetch(request, {}, context),
    send: async (method, path, given = {}) => app.request(path, requestInit(method, given), {}, context),
    agentToken: async (changes) => (await mintAgentToken(issuer, orderOf(changes), NOW_MS)).token.reveal(),
    rows: async (table) => (await database.prepare(`SELECT * FROM ${table}`).all()).results,
    settled: () => Promise.all(later),
  };
}

function requestInit(method: string, { bearer, authorization, json, body, headers }: Given): RequestInit {
  const all = new Headers(headers);
  if (authorization !== undefined) all.set('authorization', authorization);
  else if (bearer !== null) all.set('authorization', `Bearer ${bearer ?? DEV_TOKEN}`);
  if (json === undefined && body === undefined) return { method, headers: all };
  if (!all.has('content-type')) all.set('content-type', 'application/json');
  const init = { method, headers: all, body: body ?? JSON.stringify(json) };
  return body instanceof ReadableStream ? { ...init, duplex: 'half' } : init;
}
