/** Every kind of credential in every state, each with what it is worth to an agent's routes. Elsewhere it is worth nothing. */
import { base64url, randomBytes, sha256 } from '../../../src/lib/secret.ts';
import { MAX_AUTHORIZATION_BYTES, SCOPES, makeId, type ProblemCode } from '../../../src/protocol/index.ts';
import { lab } from './lab.ts';
import { issuedTokensOf, type Scene } from './scene.ts';
import type { Push } from '../../support/signing.ts';
import {
  agentToken,
  agentTokensWithoutKey,
  deployedKey,
  pushToken,
  strangersKey,
  type Changes,
  type Speaker,
} from './deployment-tokens.ts';
import { CONTAINER_SECRET, DEV_TOKEN, PUBLIC_URL } from './wiring.ts';

export type Outcome = 'accepted' | ProblemCode;

export interface Credential {
  readonly kind:
    'none' | 'malformed' | 'dev token' | 'agent token' | 'push token' | 'session secret' | 'CONTAINER_SECRET';
  readonly name: string;
  /** The `Authorization` header, or null: none is sent. */
  readonly header: string | null;
  /** Where it opens nothing. */
  readonly refusal: ProblemCode;
  /** At the agents' routes, by scope. */
  readonly asAgent: (scope: string) => Outcome;
}

type Worth = Outcome | ((scope: string) => Outcome);

const HOUR_MS = 3_600_000;
/** The longest that any agent token lives, the tolerance, and a second. */
const TOO_OLD_MS = 8 * HOUR_MS + 31_000;

export async function everyCredential(scene: Scene): Promise<Credential[]> {
  return [
    ...noCredentials(),
    ...wrongTexts(),
    ...peoples(),
    ...(await agents(scene)),
    ...(await pushes(scene)),
    ...(await secrets(scene)),
  ];
}

function bearer(kind: Credential['kind'], name: string, token: string, worth: Worth = 'invalid_token'): Credential {
  const asAgent = typeof worth === 'string' ? () => worth : worth;
  return { kind, name, header: `Bearer ${token}`, refusal: 'invalid_token', asAgent };
}

function noCredentials(): Credential[] {
  const refusal = 'unauthenticated';
  return [{ kind: 'none', name: 'no header', header: null, refusal, asAgent: () => refusal }];
}

function wrongTexts(): Credential[] {
  const of = (name: string, header: string, refusal: ProblemCode = 'invalid_token'): Credential => ({
    kind: 'malformed',
    name,
    header,
    refusal,
    asAgent: () => refusal,
  });
  return [
    of('an empty header', ''),
    of('no token after the scheme', 'Bearer'),
    of('two tokens', `Bearer ${DEV_TOKEN} ${DEV_TOKEN}`),
    of('the right token in the scheme Basic', `Basic ${DEV_TOKEN}`),
    of('the right token without a scheme', DEV_TOKEN),
    of('8 KiB and a byte', `Bearer ${'x'.repeat(MAX_AUTHORIZATION_BYTES - 6)}`, 'payload_too_large'),
  ];
}

/** The one that opens a person's doors, and what comes close to it. */
export const RIGHT_PERSON = 'the dev token';

function peoples(): Credential[] {
  return [
    bearer('dev token', RIGHT_PERSON, DEV_TOKEN),
    bearer('dev token', 'all but its last character', DEV_TOKEN.slice(0, -1)),
    bearer('dev token', 'a character more', `${DEV_TOKEN}x`),
    bearer('dev token', 'in capitals', DEV_TOKEN.toUpperCase()),
    bearer('dev token', 'the name of the person', 'dev'),
  ];
}

async function agents(scene: Scene): Promise<Credential[]> {
  const { town, other, foreign, restored, ghost } = scene;
  const { live, mate, cut, revoked, stopped, superseded, retired, failed } = scene.agents;
  const speaker = (who: { readonly id: Speaker['agent'] }, inc = 1, gen = 1): Speaker => {
    return { town: town.id, agent: who.id, inc, gen, scope: SCOPES.join(' ') };
  };
  const own = speaker(live, 1, live.credential.minted);
  const of = (name: string, token: string, worth?: Worth) => bearer('agent token', name, token, worth);
  const made = async (name: string, changes: Changes, worth?: Worth, by: Speaker = own) =>
    of(name, await agentToken(by, changes), worth);
  const { none, hs256 } = await agentTokensWithoutKey(own);
  const wire = issuedTokensOf(town).filter(({ agent }) => agent === live.id);
  const known = await deployedKey('active');
  const newest = wire.at(-1)?.token ?? '';
  return [
    of('its own, as the container got it', newest, 'accepted'),
    of('its own of an older generation', wire[0]?.token ?? '', 'accepted'),
    await made('signed by a key that still verifies', { key: await deployedKey('verify') }, 'accepted'),
    await made('expired', { atMs: -3 * HOUR_MS - 31_000 }),
    await made('not valid yet', { atMs: 61_000 }),
    await made('too old, whatever it says of its end', {
      atMs: -TOO_OLD_MS,
      claims: { exp: Math.floor(lab.clock.now() / 1000) + 3600 },
    }),
    await made('retired', {}, 'agent_retired', speaker(retired)),
    await made('revoked', {}, 'agent_revoked', speaker(revoked)),
    await made('stopped', {}, 'agent_stopped', speaker(stopped)),
    await made('failed', {}, 'agent_stopped', speaker(failed)),
    await made('superseded incarnation', {}, 'incarnation_superseded', speaker(superseded, 1, 1)),
    await made('an incarnation ahead', {}, 'invalid_token', speaker(live, 2, own.gen)),
    await made('a generation ahead', {}, 'invalid_token', speaker(live, 1, own.gen + 1)),
    await made('cut generation', {}, 'invalid_token', speaker(cut, 1, 1)),
    await made('before valid_from', { atMs: restored.beforeMs - lab.clock.now() }, 'invalid_token', {
      town: restored.town.id,
      agent: restored.agent.id,
      inc: restored.agent.incarnation,
      gen: restored.agent.credential.minted,
    }),
    await made('for another audience', { claims: { aud: 'https://elsewhere.example' } }),
    await made('for the audience of pushes', { claims: { aud: scene.sessions[0].session } }),
    await made('for this audience and another', { claims: { aud: [PUBLIC_URL, 'https://elsewhere.example'] } }),
    await made('of another issuer', { claims: { iss: 'https://elsewhere.example' } }),
    await made('of the issuer with a slash', { claims: { iss: `${PUBLIC_URL}/` } }),
    await made('of typ JWT', { header: { typ: 'JWT' } }),
    await made('of the typ of pushes', { header: { typ: 'town-push+jwt' } }),
    await made('without typ', { header: { typ: undefined } }),
    await made('with the subject of another agent', { claims: { sub: subject('reeve.test', town.id, mate.id) } }),
    await made('with the client_id of another agent', { claims: { client_id: mate.id } }),
    await made('of another trust domain', { claims: { sub: subject('elsewhere.example', town.id, live.id) } }),
    await made('for an agent of the other town', {}, 'invalid_token', speaker(other.agent)),
    await made('for the other town', {}, 'invalid_token', { ...own, town: other.town.id }),
    await made("for another person's town", {}, 'invalid_token', { ...own, town: foreign.town.id }),
    await made('for a town that is not there', {}, 'invalid_token', { ...own, town: ghost }),
    await made('for an agent that never was', {}, 'invalid_token', speaker({ id: makeId('agt', randomBytes(20)) })),
    await made('of an unknown kid', { key: await strangersKey() }),
    await made('of the right kid and another key', { key: { ...(await strangersKey()), kid: known.kid } }),
    await made('of a tainted key', { key: await deployedKey('tainted') }),
    await made('with its key in the header', { header: { jwk: { kty: 'EC', crv: 'P-256', x: known.x, y: known.y } } }),
    of('of the algorithm none', none),
    of('of HS256 under the public key', hs256),
    of('without its signature', newest.slice(0, newest.lastIndexOf('.') + 1)),
    await made('without the scope for events', {}, scoped('heartbeat'), { ...own, scope: 'heartbeat' }),
    await made('without any scope', {}, 'insufficient_scope', { ...own, scope: '' }),
    of('its id', live.id),
    of('the jti of its token', wire.at(-1)?.jti ?? ''),
  ];
}

const subject = (domain: string, town: string, agent: string) => `spiffe://${domain}/town/${town}/agent/${agent}`;

const scoped = (granted: string) => (scope: string) => (scope === granted ? 'accepted' : 'insufficient_scope');

/** Right for the control server, and signed by the right key: none of them opens anything of the Worker. */
async function pushes({ town, agents: { live }, sessions: [session] }: Scene): Promise<Credential[]> {
  const push: Push = {
    audience: session.session,
    container: town.containerName(),
    method: 'POST',
    path: `/agents/${live.id}/refresh-token`,
    body: '{}',
  };
  const heartbeat = { audience: PUBLIC_URL, method: 'POST', path: '/v1/agent/heartbeat' };
  const shown = town.container().requests.flatMap(({ headers }) => headers['authorization'] ?? []);
  const used = shown.at(-1)?.slice('Bearer '.length) ?? '';
  const of = (name: string, token: string) => bearer('push token', name, token);
  return [
    of('unused', await pushToken(push)),
    of('used', used),
    of('for this Worker', await pushToken({ ...push, ...heartbeat })),
    of(
      'with the claims of an agent',
      await pushToken(push, { claims: { agent: live.id, inc: 1, gen: 1, scope: 'events' } }),
    ),
  ];
}

async function secrets({ town, sessions, other, foreign }: Scene): Promise<Credential[]> {
  const of = (name: string, secret: string) => bearer('session secret', name, secret);
  return [
    of(`of ${town.containerName(0)}`, sessions[0].secret),
    of(`of ${town.containerName(1)}`, sessions[1].secret),
    of(`of ${other.town.containerName()}`, other.session.secret),
    of(`of ${foreign.town.containerName()}`, foreign.session.secret),
    of('of a session that ended', other.ended.secret),
    of('its digest, as it is stored', await sha256(sessions[0].secret)),
    of('the id of the session', sessions[0].session),
    of('random', base64url(randomBytes(32))),
    bearer('CONTAINER_SECRET', RIGHT_CONTAINER, CONTAINER_SECRET),
    bearer('CONTAINER_SECRET', 'all but its last character of it', CONTAINER_SECRET.slice(0, -1)),
    bearer('CONTAINER_SECRET', 'its digest', await sha256(CONTAINER_SECRET)),
  ];
}

export const RIGHT_CONTAINER = 'the container secret';
export const secretOf = (container: string): string => `of ${container}`;
