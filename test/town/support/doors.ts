/** The doors of the Worker: whose credential opens each route, and what a caller can ask for behind it. */
import { RIGHT_CONTAINER, RIGHT_PERSON, secretOf, type Credential, type Outcome } from './credentials.ts';
import { EXCHANGE, INTROSPECT, REVOKE } from './oauth-doors.ts';
import { ticketInto, type Scene } from './scene.ts';
import { codeFor, type Codes } from './sign-in-codes.ts';

const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };
/** A viewer of the towns that are asked. */
export const GUEST = 'oidc:guest|1';
const NO_ID = '00000000000000000000';
const EVENTS = {
  counter: 1000,
  events: [{ type: 'turn.started', message: `msg_${NO_ID}`, attempt: 1, at: '2100-01-01T00:00:00Z' }],
};

/** The agents' delegations, by what the scene has of them. */
const DELEGATION = '/v1/agent/delegations/{delegation}';

/** Whose credential opens a route, and a body with which it does. */
type Door = { readonly body?: object } & (
  | { readonly opensFor: 'person' | 'session' | 'container' | 'ticket' | 'anyone' }
  | { readonly opensFor: 'agent'; readonly scope: string; readonly alsoForPeople?: true }
);

const TOWN = '/v1/towns/{town}';
const AGENT = `${TOWN}/agents/{agent}`;

/** The one route that workerd cannot serve: whoever it opens for meets that. */
const RESTORE = `POST ${TOWN}/restore`;
/** What a route answers whoever it opens for, a status and its code. */
export const openedAnswer = (route: string): string => (route === RESTORE ? '501 not_supported' : '200');

/** What is expected of each route of `/openapi.json`; one that is not here fails a test. */
export const DOORS: Readonly<Record<string, Door>> = {
  'POST /v1/towns': { opensFor: 'person', body: { name: 'newcomer' } },
  'GET /v1/towns': { opensFor: 'person' },
  [`GET ${TOWN}`]: { opensFor: 'person' },
  [`DELETE ${TOWN}`]: { opensFor: 'person' },
  [`PATCH ${TOWN}`]: { opensFor: 'person', body: { token_audiences: ['https://elsewhere.example'] } },
  [`GET ${TOWN}/health`]: { opensFor: 'person' },
  [`GET ${TOWN}/containers`]: { opensFor: 'person' },
  [RESTORE]: { opensFor: 'person', body: { at: '2000-01-01T00:00:00Z' } },
  [`POST ${TOWN}/restored`]: { opensFor: 'person', body: {} },
  [`POST ${TOWN}/refresh`]: { opensFor: 'person', body: { revoke_older: true } },
  [`GET ${TOWN}/events`]: { opensFor: 'person' },
  [`POST ${TOWN}/tickets`]: { opensFor: 'person' },
  [`GET ${TOWN}/stream`]: { opensFor: 'ticket' },
  [`GET ${TOWN}/delegations`]: { opensFor: 'person' },
  'GET /v1/me': { opensFor: 'person' },
  [`GET ${TOWN}/members`]: { opensFor: 'person' },
  [`PUT ${TOWN}/members/{subject}`]: { opensFor: 'person', body: { role: 'viewer' } },
  [`DELETE ${TOWN}/members/{subject}`]: { opensFor: 'person' },
  'GET /v1/presets': { opensFor: 'person' },
  'GET /v1/sign-in': { opensFor: 'anyone' },
  'POST /v1/sign-in': { opensFor: 'anyone' },
  'POST /v1/sign-in/links': { opensFor: 'person', body: { scope: 'read' } },
  'POST /v1/keys': { opensFor: 'person', body: { name: 'robot', scope: 'admin' } },
  'GET /v1/keys': { opensFor: 'person' },
  'DELETE /v1/keys/{key}': { opensFor: 'person' },
  [`GET ${TOWN}/permissions`]: { opensFor: 'person' },
  [`GET ${TOWN}/permissions/{permission}`]: { opensFor: 'person' },
  [`POST ${TOWN}/permissions/{permission}`]: { opensFor: 'person', body: { option: 'y' } },
  [`POST ${TOWN}/webhooks`]: {
    opensFor: 'person',
    body: { url: 'https://hooks.example.com/new', events: ['reeve.town.*'] },
  },
  [`GET ${TOWN}/webhooks`]: { opensFor: 'person' },
  [`GET ${TOWN}/webhooks/{webhook}`]: { opensFor: 'person' },
  [`PATCH ${TOWN}/webhooks/{webhook}`]: { opensFor: 'person', body: { enabled: false } },
  [`DELETE ${TOWN}/webhooks/{webhook}`]: { opensFor: 'person' },
  [`POST ${TOWN}/webhooks/{webhook}/test`]: { opensFor: 'person' },
  [`POST ${TOWN}/webhooks/{webhook}/rotate`]: { opensFor: 'person' },
  [`POST ${TOWN}/agents`]: { opensFor: 'person', body: { name: 'newcomer' } },
  [`GET ${TOWN}/agents`]: { opensFor: 'person' },
  [`GET ${AGENT}`]: { opensFor: 'person' },
  [`GET ${AGENT}/credential`]: { opensFor: 'person' },
  [`PATCH ${AGENT}`]: { opensFor: 'person', body: { role: 'mayor', scopes: ['agents'] } },
  [`DELETE ${AGENT}`]: { opensFor: 'person' },
  [`POST ${AGENT}/start`]: { opensFor: 'person' },
  [`POST ${AGENT}/stop`]: { opensFor: 'person' },
  [`POST ${AGENT}/revoke`]: { opensFor: 'person' },
  [`POST ${AGENT}/refresh`]: { opensFor: 'person', body: { revoke_older: true } },
  [`POST ${AGENT}/interrupt`]: { opensFor: 'person' },
  [`POST ${AGENT}/ag-ui`]: {
    opensFor: 'person',
    body: { threadId: 't', runId: 'r', messages: [{ role: 'user', content: 'from a stranger' }] },
  },
  [`POST ${AGENT}/messages`]: { opensFor: 'person', body: { content: 'from a stranger' } },
  [`GET ${AGENT}/messages`]: { opensFor: 'person' },
  [`GET ${AGENT}/messages/{message}`]: { opensFor: 'person' },
  [`DELETE ${AGENT}/messages/{message}`]: { opensFor: 'person' },
  'GET /openai/v1/models': { opensFor: 'person' },
  'GET /openai/v1/models/{model}': { opensFor: 'person' },
  'POST /openai/v1/chat/completions': { opensFor: 'person' },
  'POST /openai/v1/responses': { opensFor: 'person' },
  'POST /v1/agent/heartbeat': { opensFor: 'agent', scope: 'heartbeat', body: HEARTBEAT },
  'POST /v1/agent/events': { opensFor: 'agent', scope: 'events', body: EVENTS },
  'GET /v1/agent/peers': { opensFor: 'agent', scope: 'peers' },
  'POST /v1/agent/mail': { opensFor: 'agent', scope: 'mail', body: { to: 'mate', text: 'hello' } },
  'GET /v1/agent/mail': { opensFor: 'agent', scope: 'mail' },
  'POST /v1/agent/delegations': { opensFor: 'agent', scope: 'delegate', body: { to: 'stopped', task: 'waits' } },
  [`GET ${DELEGATION}`]: { opensFor: 'agent', scope: 'delegate' },
  [`POST ${DELEGATION}/result`]: { opensFor: 'agent', scope: 'delegate', body: { state: 'done', text: 'it is' } },
  [EXCHANGE]: { opensFor: 'agent', scope: 'exchange' },
  [INTROSPECT]: { opensFor: 'agent', scope: 'exchange', alsoForPeople: true },
  [REVOKE]: { opensFor: 'agent', scope: 'exchange' },
  'POST /v1/container/hello': { opensFor: 'container', body: { version: 1 } },
  'POST /v1/container/{container}/agents/{agent}/token': { opensFor: 'session' },
};

/** Routes without credentials, which show nothing of any person. */
export const PUBLIC = [
  'GET /',
  'GET /.well-known/jwks.json',
  'GET /.well-known/openid-configuration',
  'GET /healthz',
  'GET /openapi.json',
];

/** A route with credentials whose format is not the API's: test/http/operators/metrics.test.ts tries who is let in. */
export const METRICS_ROUTE = 'GET /metrics';

/** One thing that a route is asked for, which credential opens the way to it, and what is found there. */
export interface Place {
  readonly name: string;
  readonly fill: Readonly<Record<string, string>>;
  /** What stands behind the path, made for each request. */
  readonly query?: () => Promise<string>;
  /** A function makes it for each request. */
  readonly body?: object | (() => Promise<object>);
  readonly opensFor: string | null;
  readonly outcome: Outcome;
}

export function doorOf(route: string): Door {
  const door = DOORS[route];
  if (door === undefined) throw new Error(`${route} is not in the matrix`);
  return door;
}

/** Agents' tokens are worth what they are worth; anything else opens one door, or none. */
export function outcomeOf(route: string, place: Place, credential: Credential): Outcome {
  const door = doorOf(route);
  // A ticket stands in the address, a code in the body, or nothing is asked for; no header adds to it or takes from it.
  if (door.opensFor === 'ticket' || door.opensFor === 'anyone') return place.outcome;
  if (door.opensFor === 'agent') {
    if (door.alsoForPeople === true && credential.name === RIGHT_PERSON) return place.outcome;
    const worth = credential.asAgent(door.scope);
    return worth === 'accepted' ? place.outcome : worth;
  }
  return credential.name === place.opensFor ? place.outcome : credential.refusal;
}

/** Everything that a route can be asked for: what is theirs, and what is not. */
export function placesOf(scene: Scene, route: string): Place[] {
  const door: Place = { name: 'the door', fill: {}, opensFor: null, outcome: 'accepted' };
  return {
    person: () => personsPlaces(scene, route),
    agent: () => agentsPlaces(scene, route, door),
    container: () => [{ ...door, opensFor: RIGHT_CONTAINER }],
    session: () => pullPlaces(scene),
    ticket: () => ticketPlaces(scene),
    anyone: () => (route.startsWith('GET ') ? [door] : codePlaces(scene.codes)),
  }[doorOf(route).opensFor]();
}

function agentsPlaces({ delegations }: Scene, route: string, door: Place): Place[] {
  if (!route.includes('{delegation}')) return [door];
  const own = { ...door, fill: { delegation: delegations.own } };
  // A result from another agent is refused too, and warned of in an event: a test of its own shows it.
  if (route.endsWith('/result')) return [own];
  return [
    own,
    { ...door, name: 'a delegation of others', fill: { delegation: delegations.others }, outcome: 'not_found' },
    { ...door, name: 'one that never was', fill: { delegation: `dlg_${NO_ID}` }, outcome: 'not_found' },
    { ...door, name: 'no id', fill: { delegation: 'dlg_' }, outcome: 'not_found' },
  ];
}

/** Which agent is asked stands in the body, or in the path where there is none. */
function modelPlaces({ town, agents, other, foreign, ghost }: Scene, route: string): Place[] {
  const of = (name: string, model: string, outcome: Outcome = 'not_found'): Place => {
    const input = [{ role: 'user', content: 'from a stranger' }];
    const body = { model, messages: input, input, stream: true };
    return { name, fill: { model }, ...(route.startsWith('POST') ? { body } : {}), opensFor: RIGHT_PERSON, outcome };
  };
  return [
    of('what is theirs', `reeve/${town.id}/${agents.live.id}`, 'accepted'),
    of("another person's town", `reeve/${foreign.town.id}/${foreign.agent.id}`),
    of("an agent of another person's town in their own", `reeve/${town.id}/${foreign.agent.id}`),
    of("the name of an agent of another person's town", `reeve/${town.id}/${foreign.agent.name}`),
    of('an agent of their other town', `reeve/${town.id}/${other.agent.id}`),
    of('a retired agent', `reeve/${town.id}/${agents.retired.id}`),
    of('an agent that never was', `reeve/${town.id}/agt_${NO_ID}`),
    of('a town that is not there', `reeve/${ghost}/${agents.live.id}`),
    of('no model of this deployment', 'gpt-4o'),
  ];
}

function personsPlaces(scene: Scene, route: string): Place[] {
  if (route.startsWith('POST /openai/') || route.includes('{model}')) return modelPlaces(scene, route);
  const { town, agents, message, permission, webhooks, keys, other, foreign, ghost } = scene;
  const of = (name: string, fill: Place['fill'], outcome: Outcome = 'not_found'): Place => {
    return {
      name,
      fill: {
        town: town.id,
        agent: agents.live.id,
        message,
        permission,
        webhook: webhooks.own,
        key: keys.own,
        subject: GUEST,
        ...fill,
      },
      opensFor: RIGHT_PERSON,
      outcome,
    };
  };
  const places = [of('what is theirs', {}, 'accepted')];
  if (route.includes('{town}')) {
    places.push(
      of("another person's town", { town: foreign.town.id, agent: foreign.agent.id }),
      of('a town that is not there', { town: ghost }),
      of('no id of a town', { town: 'town' }),
      of('the id of an agent for a town', { town: agents.live.id }),
    );
  }
  if (route.includes('{agent}')) {
    places.push(
      of('an agent of their other town', { agent: other.agent.id }),
      of("an agent of another person's town", { agent: foreign.agent.id }),
      of("the name of an agent of another person's town", { agent: foreign.agent.name }),
      of('an agent that never was', { agent: `agt_${NO_ID}` }),
    );
  }
  if (route.includes('{key}')) {
    places.push(
      of('a key of another person', { key: keys.foreign }),
      of('a key that never was', { key: `key_${NO_ID}` }),
    );
  }
  if (route.startsWith('DELETE') && route.includes('{subject}'))
    places.push(of('a person who is no member', { subject: 'oidc:none' }));
  if (route.includes('{permission}')) places.push(of('one that was not asked for', { permission: `prm_${NO_ID}` }));
  if (route.includes('{webhook}')) {
    places.push(
      of("a webhook of another person's town", { webhook: webhooks.foreign }),
      of('a webhook that never was', { webhook: `hook_${NO_ID}` }),
    );
  }
  if (route.includes('{message}')) places.push(of('a message of another agent', { agent: agents.mate.id }));
  return places;
}

/** Of each place the code in the body decides. */
function codePlaces(codes: Codes): Place[] {
  const door = { fill: {}, opensFor: null } as const;
  const fresh = async () => ({ code: (await codeFor(60_000)).code });
  const wrong = { ...codes, 'never drawn': 'A'.repeat(43), empty: '' };
  return [
    { ...door, name: 'a code that waits', body: fresh, outcome: 'accepted' },
    ...Object.entries(wrong).map(([name, code]): Place => ({
      ...door,
      name: `a code: ${name}`,
      body: { code },
      outcome: 'invalid_token',
    })),
  ];
}

function ticketPlaces({ town, other, foreign, ghost, tickets }: Scene): Place[] {
  const of = (name: string, id: string, ticket: string | null, outcome: Outcome = 'invalid_token'): Place => {
    const query = async () => (ticket === null ? '' : `?ticket=${ticket}`);
    return { name, fill: { town: id }, query, opensFor: null, outcome };
  };
  const fresh = async () => `?ticket=${await ticketInto(town, 'dev')}`;
  return [
    { ...of('their town, with a ticket for it', town.id, null, 'accepted'), query: fresh },
    of('their town, with no ticket', town.id, null, 'unauthenticated'),
    of('their town, with an empty ticket', town.id, ''),
    of('their town, with a ticket that was not issued', town.id, 'A'.repeat(43)),
    of('their town, with a ticket that was used', town.id, tickets.used),
    of('their town, with a ticket that expired', town.id, tickets.expired),
    of('their town, with a ticket of another person for it', town.id, tickets.strangers),
    of('their town, with a ticket for their other town', town.id, tickets.other),
    of('their other town, with a ticket for the first', other.town.id, tickets.own),
    of('their town, with a character of its ticket changed', town.id, changed(tickets.own)),
    of("another person's town, with a ticket for one's own", foreign.town.id, tickets.own),
    of("another person's town, with a ticket from when it was one's own", foreign.town.id, tickets.foreign),
    of('a town that is not there', ghost, tickets.own),
    of('no id of a town', 'town', tickets.own),
  ];
}

const changed = (text: string): string => `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`;

function pullPlaces({ town, agents, sessions, other, foreign, ghost }: Scene): Place[] {
  const [first, second] = [town.containerName(0), town.containerName(1)];
  const [others, theirs] = [other.town.containerName(), foreign.town.containerName()];
  const of = (name: string, container: string, agent: string, session: string, outcome: Outcome, more = {}): Place => ({
    name,
    fill: { container, agent },
    body: { session, inc: 1, gen: 1, ...more },
    opensFor: secretOf(container),
    outcome,
  });
  const [one, two] = [sessions[0].session, sessions[1].session];
  const closed = { ...of('', first, agents.live.id, one, 'accepted'), opensFor: null };
  return [
    of('its agent', first, agents.live.id, one, 'accepted'),
    of('its revoked agent', first, agents.revoked.id, one, 'agent_revoked'),
    of('its stopped agent', second, agents.stopped.id, two, 'agent_stopped'),
    of('its failed agent', second, agents.failed.id, two, 'agent_stopped'),
    of('its retired agent', second, agents.retired.id, two, 'agent_retired'),
    of('the superseded incarnation of its agent', second, agents.superseded.id, two, 'incarnation_superseded'),
    of('the running incarnation of its agent', second, agents.superseded.id, two, 'accepted', { inc: 2 }),
    of('an agent of another container', first, agents.superseded.id, one, 'not_found', { inc: 2 }),
    of('an agent of another town', first, other.agent.id, one, 'not_found', { inc: 2 }),
    of("an agent of another person's town", first, foreign.agent.id, one, 'not_found'),
    of('an agent that never was', first, `agt_${NO_ID}`, one, 'not_found'),
    of('an agent by its name', first, 'live', one, 'not_found'),
    of('the other town, in its session', others, other.agent.id, other.session.session, 'accepted', { inc: 2 }),
    of("another person's town, in its session", theirs, foreign.agent.id, foreign.session.session, 'accepted'),
    { ...closed, name: 'its agent, in the session of another container', body: { session: two, inc: 1, gen: 1 } },
    { ...closed, name: 'its agent, in no session', body: { session: `ses_${NO_ID}`, inc: 1, gen: 1 } },
    {
      ...closed,
      name: 'the other town, in the session that ended',
      fill: { container: others, agent: other.agent.id },
      body: { session: other.ended.session, inc: 2, gen: 1 },
    },
    {
      ...closed,
      name: 'a container that the town has not',
      fill: { container: `${town.id}:7`, agent: agents.live.id },
    },
    { ...closed, name: 'a town that is not there', fill: { container: `${ghost}:0`, agent: agents.live.id } },
    { ...closed, name: 'no name of a container', fill: { container: 'container', agent: agents.live.id } },
  ];
}
