/** A control server with two towns on it, every order that it takes, and everything that can be wrong about one. */
import { AgentNotLive } from '../../../container/clients/registry.ts';
import { randomBytes } from '../../../src/lib/secret.ts';
import {
  makeId,
  type AgentId,
  type ControlProblemCode,
  type IssuedToken,
  type OpenSession,
  type RunningAgents,
} from '../../../src/protocol/index.ts';
import { lab, type LabAnswer, type LabRequest } from './lab.ts';
import { issuedTokensOf, sessionOf } from './scene.ts';
import type { Push } from '../../support/signing.ts';
import {
  agentToken,
  deployedKey,
  pushToken,
  pushTokensWithoutKey,
  strangersKey,
  type Changes,
} from './deployment-tokens.ts';
import { TestTown } from './town.ts';
import { CONTAINER_SECRET, DEV_TOKEN, PUBLIC_URL } from './wiring.ts';

const NO_ID = '00000000000000000000';

/** A process that serves two towns, with two agents of the first and one of the second. */
export interface SharedControlServer {
  readonly town: TestTown;
  readonly other: TestTown;
  readonly ada: AgentId;
  readonly bob: AgentId;
  readonly eve: AgentId;
  readonly session: OpenSession;
  readonly boot: string;
}

export async function makeSharedControlServer(): Promise<SharedControlServer> {
  const [town, other] = [await TestTown.create(), await TestTown.create()];
  other.container().joinProcessOf(town.container());
  const [ada, bob, eve] = [await town.agent('ada'), await town.agent('bob'), await other.agent('eve')];
  // In a turn, so that an interrupt would be seen.
  await town.work('bob');
  // Tokens count whole seconds, and what is one over a limit is to be one over.
  lab.clock.advance(1000 - (lab.clock.now() % 1000));
  return { town, other, ada: ada.id, bob: bob.id, eve: eve.id, session: sessionOf(town), boot: town.container().boot };
}

/** Sends one request past the town, as a stranger would who has found the port. */
export async function knock(
  shared: SharedControlServer,
  { method, path, body }: LabRequest | Push,
  header: string | null,
): Promise<LabAnswer> {
  const headers: Record<string, string> = header === null ? {} : { authorization: header };
  return shared.town.container().ask({ method, path, headers, body });
}

/** What runs for both towns, and the tokens that it would call with. */
export async function everything(shared: SharedControlServer): Promise<object> {
  const of = async (town: TestTown): Promise<RunningAgents> => {
    const push = {
      ...pushOf(shared, 'GET', '/agents'),
      audience: sessionOf(town).session,
      container: town.containerName(),
    };
    return JSON.parse((await knock(shared, push, `Bearer ${await pushToken(push)}`)).body) as RunningAgents;
  };
  const tokens = [shared.ada, shared.bob, shared.eve].map((agent) => heldToken(shared, agent));
  const health = await knock(shared, { method: 'GET', path: '/health', headers: {}, body: '' }, null);
  return { running: [await of(shared.town), await of(shared.other)], tokens, health: health.body };
}

/** The token that the agent would call with now, or null: it is not live. */
function heldToken({ town }: SharedControlServer, agent: AgentId): string | null {
  let held: string | null = null;
  try {
    town.container().registry.register(agent, { setToken: (token) => void (held = token) })();
  } catch (thrown) {
    if (!(thrown instanceof AgentNotLive)) throw thrown;
  }
  return held;
}

function pushOf({ town, session }: SharedControlServer, method: string, path: string, body?: object): Push {
  const text = body === undefined ? '' : JSON.stringify(body);
  return { audience: session.session, container: town.containerName(), method, path, body: text };
}

/** Newer than what the container holds, so that it would be applied. */
function issuedTokenFor(shared: SharedControlServer, agent: AgentId, more: Partial<IssuedToken> = {}): IssuedToken {
  const held = issuedTokensOf(shared.town).findLast((issued) => issued.agent === agent);
  if (held === undefined) throw new Error('the agent has no token yet');
  return { ...held, gen: held.gen + 1, jti: 'a-forged-jti', token: 'a-forged-token', ...more };
}

/** For each route a request that would be seen if it were accepted. One that is not here fails a test. */
export const ORDERS: Readonly<Record<string, (shared: SharedControlServer) => Push>> = {
  'PUT /session': (shared) => ({
    ...pushOf(shared, 'PUT', '/session', {
      ...shared.session,
      session: makeId('ses', randomBytes(20)),
      epoch: shared.session.epoch + 1,
      secret: 'x'.repeat(43),
    }),
    audience: shared.boot,
  }),
  'DELETE /session': (shared) => pushOf(shared, 'DELETE', '/session'),
  'GET /agents': (shared) => pushOf(shared, 'GET', '/agents'),
  'POST /agents/refresh-tokens': (shared) =>
    pushOf(shared, 'POST', '/agents/refresh-tokens', {
      grants: [issuedTokenFor(shared, shared.ada), issuedTokenFor(shared, shared.bob)],
    }),
  'POST /agents/:agent/start': (shared) => {
    const issued = issuedTokenFor(shared, shared.ada, { inc: 2 });
    return pushOf(shared, 'POST', `/agents/${shared.ada}/start`, {
      inc: 2,
      name: 'ada',
      role: 'worker',
      grant: issued,
      runtime: null,
    });
  },
  'POST /agents/:agent/messages': (shared) => {
    const messages = [{ message: `msg_${NO_ID}`, attempt: 1, seq: 99, content: 'forged', sender: 'person:dev' }];
    return pushOf(shared, 'POST', `/agents/${shared.ada}/messages`, {
      inc: 1,
      grant: issuedTokenFor(shared, shared.ada),
      messages,
    });
  },
  'POST /agents/:agent/refresh-token': (shared) =>
    pushOf(shared, 'POST', `/agents/${shared.ada}/refresh-token`, { grant: issuedTokenFor(shared, shared.ada) }),
  'POST /agents/:agent/stop': (shared) => pushOf(shared, 'POST', `/agents/${shared.ada}/stop`, { inc: 1 }),
  'POST /agents/:agent/interrupt': (shared) => pushOf(shared, 'POST', `/agents/${shared.bob}/interrupt`, { inc: 1 }),
  'POST /agents/:agent/permissions/:permission': (shared) =>
    pushOf(shared, 'POST', `/agents/${shared.bob}/permissions/prm_${NO_ID}`, { inc: 1, option: null }),
  'POST /agents/:agent/retire': (shared) => pushOf(shared, 'POST', `/agents/${shared.ada}/retire`, { inc: 1 }),
};

interface Credential {
  readonly name: string;
  readonly header: string | null;
  readonly refusal: ControlProblemCode;
}

/** Everything that a caller could show for this one request, but the one right token. */
export async function wrongFor(shared: SharedControlServer, right: Push): Promise<Credential[]> {
  const opening = right.method === 'PUT' && right.path === '/session';
  const bearer = (name: string, token: string, refusal: ControlProblemCode = 'unauthorized') => {
    return { name, header: `Bearer ${token}`, refusal };
  };
  const made = async (name: string, changes: Changes, push = right) => bearer(name, await pushToken(push, changes));
  const { none, hs256 } = await pushTokensWithoutKey(right);
  const known = await deployedKey('active');
  const speaker = { town: shared.town.id, agent: shared.ada, inc: 1, gen: 1 };
  const [token] = [await pushToken(right)];
  const lacking = ['iss', 'aud', 'sub', 'iat', 'nbf', 'exp', 'jti', 'town', 'container', 'htm', 'htu', 'bsha'];
  return [
    { name: 'no header', header: null, refusal: 'unauthorized' },
    { name: 'an empty header', header: '', refusal: 'unauthorized' },
    { name: 'the right token in the scheme Basic', header: `Basic ${token}`, refusal: 'unauthorized' },
    { name: 'the right token, twice', header: `Bearer ${token} ${token}`, refusal: 'unauthorized' },
    { name: '8 KiB and a byte', header: `Bearer ${'x'.repeat(8186)}`, refusal: 'payload_too_large' },
    bearer('dev token', DEV_TOKEN),
    bearer('CONTAINER_SECRET', CONTAINER_SECRET),
    bearer('session secret', shared.session.secret),
    bearer('the id of the session', shared.session.session),
    bearer('agent token', issuedTokensOf(shared.town).at(-1)?.token ?? ''),
    bearer('agent token for this session', await agentToken(speaker, { claims: { aud: right.audience } })),
    await made('for another method', {}, { ...right, method: 'PATCH' }),
    await made('for another path', {}, { ...right, path: `/agents/${shared.bob}/stop` }),
    await made('for another body', {}, { ...right, body: `${right.body} ` }),
    await made('for another container of the town', { claims: { container: shared.town.containerName(1) } }),
    await made("for the other town's container", { claims: { container: shared.other.containerName() } }),
    await made('for the other town and its container', {}, { ...right, container: shared.other.containerName() }),
    await made('for the town alone', { claims: { town: shared.other.id } }),
    await made('for the Worker', {}, { ...right, audience: PUBLIC_URL }),
    await made('for an earlier boot', {}, { ...right, audience: `boot_${NO_ID}` }),
    await made(
      opening ? 'for a session' : 'for the boot',
      {},
      { ...right, audience: opening ? shared.session.session : shared.boot },
    ),
    ...(opening
      ? []
      : [
          await made('expired', { atMs: -91_000 }),
          await made('too old, whatever it says of its end', { atMs: -91_000, claims: { exp: 9_999_999_999 } }),
          bearer(
            'for a session that is not held',
            await pushToken({ ...right, audience: `ses_${NO_ID}` }),
            'unknown_session',
          ),
        ]),
    await made('of another issuer', { claims: { iss: 'https://elsewhere.example' } }),
    await made('of the typ of agents', { header: { typ: 'at+jwt' } }),
    await made('of typ JWT', { header: { typ: 'JWT' } }),
    await made('without typ', { header: { typ: undefined } }),
    await made('of an unknown kid', { key: await strangersKey() }),
    await made('of the right kid and another key', { key: { ...(await strangersKey()), kid: known.kid } }),
    await made('of a tainted key', { key: await deployedKey('tainted') }),
    await made('with its key in the header', { header: { jwk: { kty: 'EC', crv: 'P-256', x: known.x, y: known.y } } }),
    bearer('of the algorithm none', none),
    bearer('of HS256 under the public key', hs256),
    bearer('without its signature', token.slice(0, token.lastIndexOf('.') + 1)),
    ...(await Promise.all(lacking.map((claim) => made(`without ${claim}`, { claims: { [claim]: undefined } })))),
  ];
}

export function orderOf(route: string, shared: SharedControlServer): Push {
  const order = ORDERS[route];
  if (order === undefined) throw new Error(`${route} is not in the matrix`);
  return order(shared);
}
