/** Who is calling: people, agents, containers. Each is a middleware that runs before the body is read. */
import type { Context, MiddlewareHandler } from 'hono';
import { createMiddleware } from 'hono/factory';
import { MAX_AUTHORIZATION_BYTES, allowsScope, ticketSchema, townIdSchema } from '#protocol';
import { messageOf } from '#lib/result.ts';
import { sha256 } from '#lib/secret.ts';
import type { Config } from '../../env.ts';
import { SignInUnavailable, type Person } from '../../people/person.ts';
import { verifyExpired } from '../../tokens/verify.ts';
import type { VerifiedTokens } from '../../tokens/verified-tokens.ts';
import { edgeOfRequest, type Edge, type EdgeEnv } from './edge.ts';
import { neededScope } from './person-scope.ts';
import { Refusal } from './problem.ts';

/** The bearer credential (RFC 6750, section 2.1): none is one refusal, anything but one well-formed token another. */
function bearerOf(header: string | undefined): string {
  if (header === undefined) throw new Refusal('unauthenticated');
  if (header.length > MAX_AUTHORIZATION_BYTES) throw new Refusal('payload_too_large');
  const token = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(header)?.[1];
  if (token === undefined) throw new Refusal('invalid_token');
  return token;
}

/** A person with a valid credential, which allows what the route does. */
export function requirePerson(edge: Edge): MiddlewareHandler<EdgeEnv> {
  return createMiddleware<EdgeEnv>(async (c, next) => {
    const { method, path } = c.req;
    const bearer = personBearerOf(edge, (name) => c.req.header(name), method);
    const person = (await authenticate(edgeOfRequest(edge, c), bearer)) ?? (await refuseCredential(edge, c));
    await edge.rates.person(person.id);
    if (!allowsScope(person.scope, neededScope(method, path))) throw new Refusal('insufficient_scope');
    c.set('person', person);
    c.set('caller', { kind: 'person', town: null });
    await next();
  });
}

/** Refuses what a person came with, and counts it by the address that it came from. Never resolves. */
export async function refuseCredential(edge: Edge, c: Context<EdgeEnv>): Promise<never> {
  // In development the platform names no address: nothing is counted then.
  const address = c.req.header('cf-connecting-ip');
  if (address !== undefined) await edge.rates.badSignIn(address);
  throw new Refusal('invalid_token');
}

/**
 * The credential of a person: the bearer, or without one what Cloudflare Access adds to each request of a signed-in browser. A
 * browser sends that also where another site's page made the request, so what changes something has to come from a page that may call.
 */
function personBearerOf(edge: Edge, header: (name: string) => string | undefined, method: string): string {
  const assertion = header('cf-access-jwt-assertion');
  const isByAccess = header('authorization') === undefined && edge.config.signIn.access !== null;
  if (!isByAccess || assertion === undefined) return bearerOf(header('authorization'));
  if (method !== 'GET' && method !== 'HEAD' && !mayCallFrom(edge.config, header('origin'))) {
    throw new Refusal('invalid_token');
  }
  return bearerOf(`Bearer ${assertion}`);
}

async function authenticate(edge: Edge, bearer: string): Promise<Person | null> {
  try {
    return await edge.people.authenticate(bearer);
  } catch (thrown) {
    if (!(thrown instanceof SignInUnavailable)) throw thrown;
    edge.log.error('sign_in.unavailable', { error: messageOf(thrown), cause: messageOf(thrown.cause) });
    throw new Refusal('unavailable');
  }
}

/** Whether a page of this origin may call; a caller that is no page sends none. */
export function mayCallFrom({ publicUrl, signIn }: Config, origin: string | undefined): boolean {
  return origin === undefined || origin === publicUrl || signIn.allowedOrigins.has(origin);
}

/**
 * A town that the person is a member of, by the directory. Unknown ones and those of others look the same, and no Durable Object is
 * touched for them (M-13). What the member may do there the Town decides.
 */
export function requireTown(edge: Edge): MiddlewareHandler<EdgeEnv> {
  return membersTown(edge, false);
}

/** The same, and also one that is being deleted: a member may ask again whether it is gone. */
export function requireTownOrItsRest(edge: Edge): MiddlewareHandler<EdgeEnv> {
  return membersTown(edge, true);
}

function membersTown(edge: Edge, orItsRest: boolean): MiddlewareHandler<EdgeEnv> {
  return createMiddleware<EdgeEnv>(async (c, next) => {
    const id = townIdSchema.safeParse(c.req.param('town'));
    const found = id.success ? await edge.directory.findFor(c.get('person').id, id.data) : null;
    if (found === null || (found.deletedAtMs !== null && !orItsRest)) throw new Refusal('not_found');
    c.set('membership', found);
    c.set('caller', { kind: 'person', town: found.id });
    c.set('town', edge.town(found.id));
    await next();
  });
}

/** An agent, by its own token. The town is the token's and decides on its own row afterwards. */
export function requireAgent(edge: Edge): MiddlewareHandler<EdgeEnv> {
  return createMiddleware<EdgeEnv>(async (c, next) => {
    await admitSubject(edge, c, bearerOf(c.req.header('authorization')));
    await next();
  });
}

type Verified = Awaited<ReturnType<VerifiedTokens['verify']>>;

const verified = async (edge: Edge, token: string): Promise<Verified> =>
  edge.agentTokens.verify(await edge.issuer(), token, edge.clock.now());

/** The agent of this request is the token's, or there is none: throws. */
async function admitAgent(edge: Edge, c: Context<EdgeEnv>, text: string, token: Verified): Promise<void> {
  if (!token.ok) {
    c.get('log').warn('token.refused', { reason: token.error });
    if (token.error === 'expired') c.executionCtx.waitUntil(tellExpired(edgeOfRequest(edge, c), text));
    throw new Refusal('invalid_token');
  }
  const { agent, town } = token.value.claims;
  await edge.rates.agent(agent);
  c.set('agent', token.value);
  c.set('caller', { kind: 'agent', town });
  c.set('town', edge.town(town));
}

/**
 * Tells the town that an agent came with a token that has expired, behind the answer. Counted apart from the agent's calls, so that
 * an old token takes nothing from them. Never rejects: what is lost is a line for people.
 */
async function tellExpired(edge: Edge, token: string): Promise<void> {
  try {
    const expired = await verifyExpired(await edge.issuer(), token, edge.clock.now());
    if (expired === null) return;
    const { agent, town } = expired.claims;
    await edge.rates.agent(`${agent} expired`);
    await edge.town(town).refusedExpired(expired);
  } catch (thrown) {
    edge.log.warn('token.expiry_not_told', { error: messageOf(thrown) });
  }
}

/** The same, by the token that an exchange begins with, which stands in the body (RFC 8693, section 2.1). */
export async function admitSubject(edge: Edge, c: Context<EdgeEnv>, token: string): Promise<void> {
  await admitAgent(edge, c, token, await verified(edge, token));
}

/** What a person's credential looks like to the one who knows the tokens of agents: none, or one of another issuer. */
const PERSONS: readonly string[] = ['malformed', 'unknown_kid'];

/** An agent by its own token, or a person. What is an agent's token and refused is not tried as a person's. */
export function requireAgentOrPerson(edge: Edge): MiddlewareHandler<EdgeEnv> {
  const person = requirePerson(edge);
  return createMiddleware<EdgeEnv>(async (c, next) => {
    const header = c.req.header('authorization');
    const text = header === undefined ? '' : bearerOf(header);
    const token = await verified(edge, text);
    const isPerson = !token.ok && PERSONS.includes(token.error);
    c.set('isPerson', isPerson);
    if (isPerson) return person(c, next);
    await admitAgent(edge, c, text, token);
    return next();
  });
}

/** Whoever scrapes: a person, for their towns, or the operator by `METRICS_SECRET`, for all of them. */
export function requireScraper(edge: Edge): MiddlewareHandler<EdgeEnv> {
  const person = requirePerson(edge);
  return createMiddleware<EdgeEnv>(async (c, next) => {
    const header = c.req.header('authorization');
    const isOperator = header !== undefined && (await edge.config.metricsSecret?.matches(bearerOf(header))) === true;
    c.set('isPerson', !isOperator);
    if (!isOperator) return person(c, next);
    c.set('caller', { kind: 'operator', town: null });
    return next();
  });
}

/** A control server, which holds `CONTAINER_SECRET`. */
export function requireContainerSecret(edge: Edge): MiddlewareHandler<EdgeEnv> {
  return createMiddleware<EdgeEnv>(async (c, next) => {
    const bearer = bearerOf(c.req.header('authorization'));
    if ((await edge.config.containerSecret?.matches(bearer)) !== true) throw new Refusal('invalid_token');
    c.set('caller', { kind: 'container', town: null });
    await next();
  });
}

/** The same words for every town, so that they tell nothing of any. */
export const TICKET_ADVICE =
  'A stream is opened with a ticket: POST /v1/towns/{town}/tickets with your token answers one, and it goes into the address as ?ticket=.';

/**
 * A reader that shows a ticket in the address, because a browser can set no header there; the town compares it. Whatever is wrong
 * with ticket or town looks the same, and no Durable Object is touched for a town that is not there.
 */
export function requireTicket(edge: Edge): MiddlewareHandler<EdgeEnv> {
  return createMiddleware<EdgeEnv>(async (c, next) => {
    const text = c.req.query('ticket');
    if (text === undefined) throw new Refusal('unauthenticated', { detail: TICKET_ADVICE });
    const ticket = ticketSchema.safeParse(text);
    const id = townIdSchema.safeParse(c.req.param('town'));
    if (!ticket.success || !id.success) throw new Refusal('invalid_token');
    const entry = await edge.directory.get(id.data);
    if (entry === null) throw new Refusal('invalid_token');
    c.set('ticket', { digest: await sha256(ticket.data) });
    c.set('caller', { kind: 'ticket', town: entry.id });
    c.set('town', edge.town(entry.id));
    await next();
  });
}

/** Something that holds a secret; the town compares it. */
export const requireBearer: MiddlewareHandler<EdgeEnv> = createMiddleware<EdgeEnv>(async (c, next) => {
  c.set('bearer', bearerOf(c.req.header('authorization')));
  await next();
});
