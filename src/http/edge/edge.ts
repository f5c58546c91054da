/** What the routes are given, and what a request carries after authentication. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import type { KeyId, TownId, TraceContext } from '#protocol';
import type { Config } from '../../env.ts';
import type { Env } from '../../bindings.ts';
import { Directory, type Membership } from '../../directory/directory-store.ts';
import { FiguresStore } from '../../directory/figures-store.ts';
import { systemClock, type Clock } from '#lib/clock.ts';
import { consoleLog, rarely, type Log } from '#lib/log.ts';
import type { Issuer } from '../../tokens/mint.ts';
import { VerifiedTokens } from '../../tokens/verified-tokens.ts';
import type { AgentCalls } from '../../town/agent-calls.ts';
import type { ChatCalls } from '../../town/chat-calls.ts';
import type { VerifiedCall } from '../../town/calls/authorize-call.ts';
import type { PersonCall } from '../../town/members/authorize-person.ts';
import type { PersonCalls } from '../../town/person-calls.ts';
import type { Town } from '../../town/town.ts';
import type { WebhookCalls } from '../../town/webhook-calls.ts';
import { lazyIssuer } from '../../wiring.ts';
import type { Caller } from './declare-route.ts';
import { ratesOf, type Rates } from './rates.ts';
import { ApiKeyStore } from '../../directory/api-key-store.ts';
import { SignInLinkStore } from '../../directory/sign-in-link-store.ts';
import type { ApiKey } from '../../people/api-key.ts';
import type { Person, PersonAuthenticator } from '../../people/person.ts';
import { signIn } from '../../people/sign-in.ts';

/** What the edge asks of a town as one of its agents. */
export type AgentStub = Pick<
  AgentCalls,
  | 'heartbeat'
  | 'reportEvents'
  | 'listPeers'
  | 'sendMail'
  | 'readMail'
  | 'delegate'
  | 'readDelegation'
  | 'finishDelegation'
  | 'exchangeToken'
  | 'introspectToken'
  | 'revokeToken'
>;

/** What the edge asks of a town for a chat frontend. */
export type ChatStub = Pick<ChatCalls, 'liveAgents' | 'followTurn' | 'answered' | 'standing' | 'sideCall'>;

/** What the edge asks of a town about its webhooks, for a member. */
export type WebhookStub = Pick<WebhookCalls, 'list' | 'get' | 'add' | 'change' | 'rotate' | 'remove' | 'test'>;

/** What the edge asks of a town as one of its members. */
export type PersonStub = Pick<
  PersonCalls,
  | 'describe'
  | 'change'
  | 'introspect'
  | 'health'
  | 'listContainers'
  | 'restore'
  | 'restored'
  | 'deleteTown'
  | 'listMembers'
  | 'putMember'
  | 'removeMember'
  | 'createAgent'
  | 'listAgents'
  | 'getAgent'
  | 'getCredential'
  | 'changeAgent'
  | 'retireAgent'
  | 'startAgent'
  | 'stopAgent'
  | 'revokeAgent'
  | 'refreshAgent'
  | 'refreshTown'
  | 'sendMessage'
  | 'listMessages'
  | 'cancelMessage'
  | 'interruptAgent'
  | 'getMessage'
  | 'listEvents'
  | 'addTicket'
  | 'listDelegations'
  | 'listPermissions'
  | 'getPermission'
  | 'answerPermission'
>;

/** Its methods can be called before it is there. The caller disposes of what it resolves to. */
export type Held<Stub> = Stub & PromiseLike<Disposable>;

/** What the edge asks of a town. Narrow, so that its types hold also where those of the platform are not known. */
export type TownStub = Pick<Town, 'create' | 'pull' | 'watch' | 'remove' | 'hello' | 'refusedExpired'> & {
  readonly agent: (call: VerifiedCall) => Held<AgentStub>;
  readonly person: (call: PersonCall) => Held<PersonStub>;
  readonly chat: (call: PersonCall) => Held<ChatStub>;
  readonly webhooks: (call: PersonCall) => Held<WebhookStub>;
  readonly fetch: (url: string, init: { readonly headers: Readonly<Record<string, string>> }) => Promise<Response>;
};

/** What the routes work with. */
export interface Edge {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly issuer: () => Promise<Issuer>;
  readonly agentTokens: VerifiedTokens;
  readonly people: PersonAuthenticator;
  readonly rates: Rates;
  readonly directory: Directory;
  readonly figures: FiguresStore;
  readonly apiKeys: ApiKeyStore;
  readonly signInLinks: SignInLinkStore;
  /** Files of the deployment, also those that no request from outside gets; null: there are none. */
  readonly assets: { readonly fetch: (address: string) => Promise<Response> } | null;
  /** A fresh stub for each call. Only for towns that the directory knows, or that a verified token names. */
  readonly town: (id: TownId) => TownStub;
}

/** Who asks, for the log: as what their credential was accepted, and in which town where that is known. */
interface CallerSeen {
  readonly kind: Caller | 'operator' | 'anyone';
  readonly town: TownId | null;
}

/** Variables of a request, set by the middleware in authenticate.ts from verified credentials only (T11). */
export interface EdgeEnv {
  Variables: {
    requestId: string;
    /** The span of this request. Of any caller's own choice: it names no one, and nothing is decided by it. */
    trace: TraceContext;
    /** Each line names the request and its span. */
    log: Log;
    caller: CallerSeen;
    person: Person;
    town: TownStub;
    /** Of the person, in that town, as the directory has it; the Town decides. */
    membership: Membership;
    agent: VerifiedCall;
    /** Where others may ask too: whether it is a person. */
    isPerson: boolean;
    bearer: string;
    /** Of a reader of the stream: SHA-256 of its ticket. */
    ticket: { digest: string };
  };
}

/** The app that routes are declared on, and a middleware that lets only some callers through. */
export type App = OpenAPIHono<EdgeEnv>;
/** Authenticates before a route's handler runs, and puts what it found into the context. */
export type Guard = MiddlewareHandler<EdgeEnv>;

/** The edge as one request has it: what it logs names the request. */
export function edgeOfRequest(edge: Edge, c: { get(name: 'log'): Log }): Edge {
  return { ...edge, log: c.get('log') };
}

/** Tokens of agents that an isolate remembers, some 500 bytes each. */
const MOST_TOKENS = 10_000;

/** The edge on the bindings of this Worker. */
export function edgeOf(env: Env, config: Config): Edge {
  const apiKeys = new ApiKeyStore(env.DIRECTORY);
  const log = rarely(consoleLog, systemClock);
  const findKey = (id: KeyId): Promise<ApiKey | null> => apiKeys.get(id);
  return {
    config,
    clock: systemClock,
    log,
    issuer: lazyIssuer(config),
    agentTokens: new VerifiedTokens(MOST_TOKENS),
    people: signIn(config.signIn, config.devToken, findKey, () => systemClock.now()),
    rates: ratesOf(env, log),
    directory: new Directory(env.DIRECTORY),
    figures: new FiguresStore(env.DIRECTORY),
    apiKeys,
    signInLinks: new SignInLinkStore(env.DIRECTORY),
    assets: env.ASSETS ?? null,
    town: (id) => env.TOWN.getByName(id),
  };
}
