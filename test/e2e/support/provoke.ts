/** Traffic that goes well and traffic that does not: every error path of a running stack that a token can reach. */
import {
  MAX_BODY_BYTES,
  MAX_CONTROL_BODY_BYTES,
  MAX_MESSAGE_BYTES,
  agentIdSchema,
  containerNameSchema,
  issuedTokenSchema,
  newApiKeySchema,
  openSessionSchema,
  townIdSchema,
  type OpenSession,
  type AgentView,
} from '#protocol';
import { ApiClient } from '../../../scripts/api-client.ts';
import type { Variables } from '../../../scripts/dev-settings.ts';
import type { Stack } from '../../../scripts/dev-stack.ts';
import { parseConfig } from '../../../src/env.ts';
import { sha256 } from '../../../src/lib/secret.ts';
import { newKeySet } from '../../../src/tokens/key-edit.ts';
import { KeyRing } from '../../../src/tokens/key-ring.ts';
import { mintAgentToken, mintPushToken, type Issuer } from '../../../src/tokens/mint.ts';
import { followStreams } from './follow-streams.ts';
import type { Text } from './read-everything.ts';
import type { Wiretap } from './wiretap.ts';

const PATIENCE_SECONDS = 40;
const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 0, last_progress_at: null };

/** Signed for, and no JSON. */
const BROKEN = '{"grant":';

export interface Scene {
  readonly stack: Stack;
  readonly variables: Readonly<Variables>;
  readonly tap: Wiretap;
  /** Port of the control server itself, behind the wiretap. */
  readonly containerPort: number;
}

/** What the traffic leaves to the scan: every answer as text, and secrets that only the caller saw. */
export interface Provoked {
  readonly answers: readonly Text[];
  readonly secrets: Readonly<Record<string, string>>;
  /** Answers that hold a token on purpose; they were not to be stored. */
  readonly pulls: readonly { readonly status: number; readonly cacheControl: string | null }[];
  /** How often each status was answered. */
  readonly statuses: Readonly<Record<string, number>>;
}

export async function provoke(scene: Scene): Promise<Provoked> {
  const caller = new Caller(scene);
  const town = await goodDays(scene);
  const tokens = await makeTokens(scene, town);
  await wrongCredentials(caller, town, tokens);
  await wrongTexts(caller, town, tokens);
  await replays(caller);
  await wrongPushes(caller, town, tokens);
  await badDays(scene, caller, town);
  // Of sessions that ended meanwhile.
  await replays(caller);
  const pulls = await pull(scene, caller, town);
  const links = await signIns(scene, caller);
  const streams = await followStreams(scene.stack.url, caller.devToken, town.id);
  for (const ticket of Object.values(streams.tickets)) {
    for (const query of [`ticket=${ticket}`, `ticket=${ticket}x`, `ticket=${ticket}&after=${ticket}`]) {
      await caller.town('GET', `/v1/towns/${town.id}/stream?${query}`, {});
    }
    await caller.town('GET', `/v1/towns/${town.id}`, { bearer: ticket });
  }
  for (const what of ['', '/agents', '/agents/ada/messages?limit=200', '/events?limit=200', '/health']) {
    await caller.town('GET', `/v1/towns/${town.id}${what}`, { bearer: caller.devToken });
  }
  return {
    answers: [...caller.answers, ...streams.frames],
    secrets: { ...tokens, ...pulls.secrets, ...links, ...streams.tickets },
    pulls: pulls.pulls,
    statuses: caller.statuses,
  };
}

interface Town {
  readonly id: string;
  readonly agents: readonly AgentView[];
}

/** Messages, turns, two sweeps, forced refreshes. */
async function goodDays({ stack, variables }: Scene): Promise<Town> {
  const api = new ApiClient(stack.url, variables['REEVE_DEV_TOKEN'] ?? '');
  const id = await api.createTown('scanned');
  const names = ['ada', 'bob', 'cyd'];
  const agents = await Promise.all(names.map((name) => api.createAgent(id, name)));
  for (const name of names)
    await api.until(id, name, await api.send(id, name, 'good morning'), 'done', PATIENCE_SECONDS);
  for (const name of names) await api.send(id, name, 'work 60');
  await api.eventually(PATIENCE_SECONDS, 'a sweep that is in use', async () => {
    const now = await Promise.all(names.map((name) => api.readAgent(id, name)));
    const swept = now.every(({ credential: { reason, acked, in_use: used } }) => reason === 'sweep' && acked === used);
    return swept ? now : null;
  });
  return { id, agents };
}

/** One of each kind, right and wrong. */
async function makeTokens({ tap, variables }: Scene, town: Town) {
  const config = parseConfig(variables);
  if (!config.ok) throw new Error('the settings are refused');
  const { publicUrl, trustDomain, tokenTtlSeconds: ttlSeconds, signingKeys } = config.value;
  const issuer: Issuer = { ring: await KeyRing.import(signingKeys), publicUrl, trustDomain, ttlSeconds };
  const stranger: Issuer = { ...issuer, ring: await KeyRing.import(await newKeySet()) };
  const ada = town.agents[0];
  const order = {
    town: townIdSchema.parse(town.id),
    agent: agentIdSchema.parse(ada?.id),
    inc: 1,
    gen: 1,
    scopes: ['heartbeat', 'events'],
  };
  const mint = async (by: Issuer, atMs: number) => (await mintAgentToken(by, order, atMs)).token.reveal();
  const session = sessionOf(tap);
  const path = `/agents/${order.agent}/refresh-token`;
  const push = {
    audience: session.session,
    town: order.town,
    container: containerNameSchema.parse(session.container),
    method: 'POST',
    path,
    bodyDigest: await sha256(BROKEN),
  };
  return {
    'an older token of an agent': await mint(issuer, Date.now()),
    'an expired token of an agent': await mint(issuer, Date.now() - 3_600_000),
    'a forged token of an agent': await mint(stranger, Date.now()),
    'a push token for a broken body': await mintPushToken(issuer, push, Date.now()),
    'a forged push token': await mintPushToken(stranger, push, Date.now()),
    'the secret of a session': session.secret,
    'the dev token': variables['REEVE_DEV_TOKEN'] ?? '',
    'the container secret': variables['CONTAINER_SECRET'] ?? '',
  };
}

type Tokens = Awaited<ReturnType<typeof makeTokens>>;

function sessionOf(tap: Wiretap): OpenSession {
  const opened = tap.crossed.findLast(({ method, path }) => method === 'PUT' && path === '/session');
  return openSessionSchema.parse(JSON.parse(opened?.body ?? ''));
}

/** Every credential at every kind of door. */
async function wrongCredentials(caller: Caller, town: Town, tokens: Tokens): Promise<void> {
  const agent = town.agents[0]?.id ?? '';
  const doors = [
    ['POST', '/v1/agent/heartbeat', JSON.stringify(HEARTBEAT)],
    ['GET', `/v1/towns/${town.id}/events`, undefined],
    ['POST', `/v1/towns/${town.id}/refresh`, '{}'],
    ['POST', '/v1/container/hello', '{"version":1}'],
    ['POST', `/v1/container/${town.id}:0/agents/${agent}/token`, `{"session":"ses_${'0'.repeat(20)}","inc":1,"gen":1}`],
  ] as const;
  for (const [method, path, body] of doors) {
    await caller.town(method, path, body === undefined ? {} : { body });
    for (const bearer of Object.values(tokens)) {
      await caller.town(method, path, body === undefined ? { bearer } : { bearer, body });
    }
  }
}

/** Tokens where other things belong, and bodies that do not parse, do not fit, or are too long. */
async function wrongTexts(caller: Caller, town: Town, tokens: Tokens): Promise<void> {
  const bearer = caller.devToken;
  const agents = `/v1/towns/${town.id}/agents`;
  for (const token of Object.values(tokens)) {
    for (const body of [`{"name":"${token}"}`, `{"name":"x","role":"${token}"}`, `{"name":${token}`, token]) {
      await caller.town('POST', agents, { bearer, body });
    }
    await caller.town('POST', '/v1/agent/events', { bearer: token, body: `{"counter":"${token}"` });
    await caller.town('GET', `/v1/towns?cursor=${token}&access_token=${token}`, { bearer });
    await caller.town('GET', '/v1/towns', { bearer: `${token} ${token}` });
    await caller.town('GET', '/v1/towns', { bearer: `${token}${'x'.repeat(8200)}` });
    await caller.town('GET', '/v1/nowhere', { bearer: token, headers: { cookie: `token=${token}` } });
    await caller.town('POST', agents, { bearer, body: `{"name":"${token}${'x'.repeat(MAX_BODY_BYTES)}"}` });
  }
  const long = JSON.stringify({ content: caller.devToken.padEnd(MAX_MESSAGE_BYTES, 'x') });
  await caller.town('POST', `${agents}/ada/messages`, { bearer, body: long });
}

/** Everything that the town has sent so far, again, and with another body. */
async function replays(caller: Caller): Promise<void> {
  // Sent past the wiretap, so that the list does not grow by these.
  for (const { method, path, authorization, body } of caller.scene.tap.crossed) {
    if (path === '/health') continue;
    const bearer = authorization.slice('Bearer '.length);
    const sent = body === '' ? {} : { body };
    await caller.container(method, path, { bearer, ...sent });
    await caller.container(method, path, { bearer, body: `${body} ` });
  }
}

/** What a stranger who has found the control server's port can send. */
async function wrongPushes(caller: Caller, { agents }: Town, tokens: Tokens): Promise<void> {
  for (const token of Object.values(tokens)) {
    const agent = `/agents/agt_${'0'.repeat(20)}`;
    await caller.container('POST', `${agent}/refresh-token`, { bearer: token, body: '{}' });
    for (const path of [`/${token}`, `/agents/${token}/start`, `${agent}/${token}`, `/session?token=${token}`]) {
      await caller.container('POST', path, {});
      await caller.container('PUT', path, { bearer: token, body: '{}' });
    }
    await caller.container('PUT', '/session', { bearer: `${token}${'x'.repeat(8200)}`, body: '{}' });
    await caller.container('PUT', '/session', { bearer: token, body: token.padEnd(MAX_CONTROL_BODY_BYTES + 1, 'x') });
  }
  const broken = { bearer: tokens['a push token for a broken body'], body: BROKEN };
  await caller.container('POST', `/agents/${agents[0]?.id ?? ''}/refresh-token`, broken);
}

/** A crash in mid-turn, revocation, a stop, a restored database, teardown. */
async function badDays({ stack }: Scene, caller: Caller, { id, agents }: Town): Promise<void> {
  const api = new ApiClient(stack.url, caller.devToken);
  const post = (path: string, body = '{}') =>
    caller.town('POST', `/v1/towns/${id}${path}`, { bearer: caller.devToken, body });
  await post('/agents/ada/refresh', '{"revoke_older":true}');
  await post('/refresh');
  stack.crashControlServer();
  await api.eventually(PATIENCE_SECONDS, 'the restart', async () => {
    const now = await Promise.all(['ada', 'bob', 'cyd'].map((name) => api.readAgent(id, name)));
    return now.every((agent) => agent.incarnation > 1 && agent.state === 'working') ? now : null;
  });
  await post('/agents/cyd/revoke');
  // The revoked agent calls once more, and is refused.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  await post('/agents/cyd/start');
  await post('/agents/bob/stop');
  await post('/restored');
  await api.eventually(PATIENCE_SECONDS, 'the agent that comes back by itself', async () => {
    const ada = await api.readAgent(id, 'ada');
    return ada.state === 'working' ? ada : null;
  });
  await caller.town('DELETE', `/v1/towns/${id}/agents/${agents[1]?.id ?? ''}`, { bearer: caller.devToken });
}

/** The one answer to a caller that holds a token: it is for the container, which asks with the secret of its session. */
async function pull({ tap, stack }: Scene, caller: Caller, { id }: Town) {
  const api = new ApiClient(stack.url, caller.devToken);
  const ada = await api.readAgent(id, 'ada');
  const { session, secret, container } = sessionOf(tap);
  const response = await fetch(`${stack.url}/v1/container/${container}/agents/${ada.id}/token`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ session, inc: ada.incarnation, gen: ada.credential.acked }),
  });
  const { token } = issuedTokenSchema.parse(await response.json());
  return {
    pulls: [{ status: response.status, cacheControl: response.headers.get('cache-control') }],
    secrets: { 'a pulled token': token, 'the secret of the last session': secret },
  };
}

/** Codes of links: one that is used, and one that waits, where they belong and where they do not. */
async function signIns({ stack }: Scene, caller: Caller): Promise<Record<string, string>> {
  const api = new ApiClient(stack.url, caller.devToken);
  const [{ code: used }, { code: waits }] = [await api.createSignInLink(), await api.createSignInLink()];
  // The one answer that holds the key.
  const headers = { 'content-type': 'application/json' };
  const init = { method: 'POST', headers, body: JSON.stringify({ code: used }) };
  const { key } = newApiKeySchema.parse(await (await fetch(`${stack.url}/v1/sign-in`, init)).json());
  for (const body of [{ code: used }, { code: `${waits}x` }, { code: waits.padEnd(300, 'x') }]) {
    await caller.town('POST', '/v1/sign-in', { body: JSON.stringify(body) });
  }
  await caller.town('POST', '/v1/sign-in', { body: `{"code":"${waits}"` });
  await caller.town('POST', '/v1/sign-in/links', { bearer: key, body: `{"scope":"${waits}"}` });
  await caller.town('GET', `/v1/sign-in?sign-in=${waits}&key=${key}`, {});
  for (const bearer of [key, used, waits]) await caller.town('GET', '/v1/keys', { bearer });
  // How a key begins is shown in lists.
  return { 'a used code': used, 'a code that waits': waits, 'the key of a link': key.slice(-43) };
}

interface Sent {
  readonly bearer?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends what no client would, and keeps every answer. */
class Caller {
  readonly answers: Text[] = [];
  readonly statuses: Record<string, number> = {};
  readonly scene: Scene;

  constructor(scene: Scene) {
    this.scene = scene;
  }

  get devToken(): string {
    return this.scene.variables['REEVE_DEV_TOKEN'] ?? '';
  }

  town(method: string, path: string, sent: Sent): Promise<void> {
    return this.#send('town', this.scene.stack.url, method, path, sent);
  }

  /** The control server itself. */
  container(method: string, path: string, sent: Sent): Promise<void> {
    return this.#send('container', `http://127.0.0.1:${this.scene.containerPort}`, method, path, sent);
  }

  async #send(whom: string, origin: string, method: string, path: string, sent: Sent): Promise<void> {
    const headers = new Headers({ 'content-type': 'application/json', ...sent.headers });
    if (sent.bearer !== undefined) headers.set('authorization', `Bearer ${sent.bearer}`);
    const init = { method, headers, ...(sent.body === undefined || method === 'GET' ? {} : { body: sent.body }) };
    const response = await fetch(`${origin}${path}`, init);
    const where = `${whom}: ${method} ${path.split('?')[0]?.slice(0, 60) ?? ''} ${response.status}`;
    const text = `${[...response.headers].flat().join(' ')}\n${await response.text()}`;
    const key = `${whom} ${response.status}`;
    this.statuses[key] = (this.statuses[key] ?? 0) + 1;
    this.answers.push({ where, text });
  }
}
