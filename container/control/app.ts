/** The control server's routes (the design's section 6): read, authenticate, parse, call the supervisor, answer. No rules here. */
import { Hono, type Context, type MiddlewareHandler } from 'hono';
import {
  ANSWER_STATUS,
  CONTROL_CALLS,
  CONTROL_CALL_NAMES,
  INTERRUPT_STATUS,
  MAX_AUTHORIZATION_BYTES,
  MAX_CONTROL_BODY_BYTES,
  PROTOCOL_VERSION,
  START_STATUS,
  SWAP_STATUS,
  agentIdSchema,
  openSessionSchema,
  permissionIdSchema,
  reportedFaults,
  type AgentEnded,
  type AgentId,
  type BootId,
  type ControlCallName,
  type ControlOrder,
  type IssuedToken,
  type Health,
  type SessionClosed,
  type SessionOpened,
} from '#protocol';
import type { z } from 'zod';
import { parseJson } from '#lib/json.ts';
import type { Clock } from '../lib/clock.ts';
import { errorFields, type Log } from '../lib/log.ts';
import type { Metrics } from '../lib/metrics.ts';
import { measure } from './measure.ts';
import { problem } from './problem.ts';
import type { PushAuth, PushVerdict } from './push-auth.ts';
import { isDeclaredTooLong } from '#lib/read-body.ts';
import { receiveBody } from '../lib/receive-body.ts';
import { loggable, refuse, withoutBody } from './refusals.ts';
import type { Session, Sessions } from './sessions.ts';

type Variables = { body: Uint8Array; verdict: Exclude<PushVerdict, { kind: 'refused' | 'unknown_session' }> };
/** The app, with what its gate leaves for the handlers. */
export type ControlApp = Hono<{ Variables: Variables }>;
type Ctx = Context<{ Variables: Variables }>;

interface AppParts {
  readonly boot: BootId;
  readonly auth: PushAuth;
  readonly sessions: Sessions;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** The turns under way are the last: no session, agent or message is taken. */
  readonly isDraining: () => boolean;
  /** Nothing is answered any more. */
  readonly isShuttingDown: () => boolean;
}

/** Builds the routes. `/health` is open; behind the gate, a request that is not of a session's town gets 401, whatever its path. */
export function createApp(parts: AppParts): ControlApp {
  const app: ControlApp = new Hono<{ Variables: Variables }>();
  const health: Health = { status: 'ok', version: PROTOCOL_VERSION, boot: parts.boot };
  const unless = (isRefused: () => boolean): MiddlewareHandler => {
    return async (_c, next) => (isRefused() ? problem('shutting_down') : next());
  };
  app.use(measure(parts.metrics, parts.clock));
  app.use(unless(parts.isShuttingDown));
  app.get('/health', unless(parts.isDraining), (c) => c.json(health));
  app.use(authenticate(parts));
  app.put('/session', unless(parts.isDraining), (c) => openSession(c, parts));
  for (const { method, path } of BEGINNINGS) app.on(method, path, unless(parts.isDraining));
  app.delete('/session', (c) => closeSession(c, parts));
  for (const name of CONTROL_CALL_NAMES) serve(app, name);
  app.notFound(() => problem('not_found'));
  app.onError((thrown) => {
    parts.log.error('request_failed', errorFields(thrown));
    return problem('internal');
  });
  return app;
}

/**
 * Declared sizes first, then the push token, then the body that it covers: a stranger gets nothing read, and what follows works
 * on bytes that the town has signed.
 */
function authenticate({ auth, log, clock }: AppParts): MiddlewareHandler<{ Variables: Variables }> {
  /** Refusals for each reason since a session was last opened: a stranger who has found the port does not fill the log. */
  const refusals = new Map<string, number>();
  return async (c, next) => {
    const authorization = c.req.header('authorization') ?? null;
    if ((authorization?.length ?? 0) > MAX_AUTHORIZATION_BYTES) return problem('payload_too_large');
    if (isDeclaredTooLong(c.req.raw, MAX_CONTROL_BODY_BYTES)) return problem('payload_too_large');
    const { method } = c.req;
    const path = new URL(c.req.url).pathname;
    const where = { method, path: loggable(path) };
    const head = await auth.checkHead({ authorization, method, path });
    if (head.kind === 'refused') return refuse(log, refusals, head, where);
    const received = await receiveBody(c.req.raw, MAX_CONTROL_BODY_BYTES, clock);
    if (received.kind !== 'whole') return withoutBody(log, received.kind, where);
    const verdict = await auth.admit(head, received.body);
    switch (verdict.kind) {
      case 'refused':
        return refuse(log, refusals, verdict, where);
      case 'unknown_session':
        return problem('unknown_session');
      case 'session':
      case 'opening':
        if (verdict.kind === 'opening') refusals.clear();
        c.set('body', received.body);
        c.set('verdict', verdict);
        return next();
    }
  };
}

function openSession(c: Ctx, { boot, sessions, log }: AppParts): Response {
  const verdict = c.get('verdict');
  if (verdict.kind !== 'opening') return problem('unauthorized');
  return parsed(c, openSessionSchema, (request) => {
    if (request.container !== verdict.claims.container) return problem('unauthorized');
    const { outcome, session } = sessions.open(request, verdict.claims.iat);
    log.info('session', { container: request.container, session: request.session, epoch: request.epoch, outcome });
    if (session === null) return problem(outcome === 'full' ? 'no_room' : 'stale_session');
    const answer: SessionOpened = { session: session.id, boot, epoch: session.epoch };
    return c.json(answer);
  });
}

/** The town has no more use for it: its agents end with it. */
function closeSession(c: Ctx, { sessions, log }: AppParts): Answer {
  return withSession(c, (session) => {
    sessions.end(session);
    log.info('session', { container: session.container, session: session.id, epoch: session.epoch, outcome: 'closed' });
    const answer: SessionClosed = { session: session.id };
    return c.json(answer);
  });
}

/** Calls after which there is more to do than before. */
const BEGINNINGS = [CONTROL_CALLS.start, CONTROL_CALLS.deliver];

type Handlers = {
  readonly [N in ControlCallName]: (agents: Session['agents'], order: ControlOrder<N>) => Answer;
};

/** What each call of the table does. Statuses say what the outcome does. */
const HANDLERS: Handlers = {
  start: async (agents, { agent, body }) => {
    if (!isTokenFor(body.grant, agent, body.inc)) return mismatch();
    const started = await agents.start(agent, body);
    return started === 'session_over' ? problem('unknown_session') : json(started, START_STATUS[started.outcome]);
  },

  deliver: (agents, { agent, body }) => {
    if (!isTokenFor(body.grant, agent, body.inc)) return mismatch();
    const accepted = agents.deliver(body);
    // A stale or repeated token never refuses the messages that rode along.
    return json(accepted, accepted.messages.length > 0 ? 200 : SWAP_STATUS[accepted.swap.outcome]);
  },

  refreshOne: (agents, { agent, body: { grant: token } }) => {
    if (token.agent !== agent) return mismatch();
    const result = agents.swap(token);
    return json(result, SWAP_STATUS[result.outcome]);
  },

  /** One result per token, in their order; no agent's outcome touches another's. */
  refreshMany: (agents, { body: { grants } }) => json({ results: grants.map((token) => agents.swap(token)) }, 200),

  stop: async (agents, { agent, body }) => ended(await agents.stop(agent, body)),
  retire: async (agents, { agent, body }) => ended(await agents.retire(agent, body)),
  list: (agents) => json(agents.list(), 200),

  interrupt: (agents, { agent, body }) => {
    const interrupted = agents.interrupt(agent, body);
    return json(interrupted, INTERRUPT_STATUS[interrupted.outcome]);
  },

  answerPermission: (agents, { agent, body, permission }) => {
    const answered = agents.answerPermission(agent, permission, body);
    return json(answered, ANSWER_STATUS[answered.outcome]);
  },
};

const json = (answer: unknown, status: number): Response => Response.json(answer, { status });

const ended = (answer: AgentEnded): Response => json(answer, answer.outcome === 'stale' ? 409 : 200);

/** The route of one call: in a session, about an agent where its path names one, with the body that its row asks for. */
// It ties the order to the handler of the same row.
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
function serve<N extends ControlCallName>(app: ControlApp, name: N): void {
  const { method, path, body: schema } = CONTROL_CALLS[name];
  app.on(method, path, (c) =>
    withSession(c, ({ agents }) => {
      const permission = permissionIdSchema.safeParse(c.req.param('permission'));
      if (path.includes(':permission') && !permission.success)
        return malformed('permission', 'expected a permission id');
      const answer = (agent: AgentId | null, body: unknown): Answer => {
        // All three were read by the row of this very call.
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion
        return HANDLERS[name](agents, { agent, body, permission: permission.data } as unknown as ControlOrder<N>);
      };
      const withBody = (agent: AgentId | null): Answer =>
        schema === null ? answer(agent, null) : parsed(c, schema, (body: unknown) => answer(agent, body));
      return path.includes(':agent') ? withAgent(c, withBody) : withBody(null);
    }),
  );
}

type Answer = Response | Promise<Response>;

function withSession(c: Ctx, answer: (session: Session) => Answer): Answer {
  const verdict = c.get('verdict');
  return verdict.kind === 'session' ? answer(verdict.session) : problem('unauthorized');
}

function withAgent(c: Ctx, answer: (agent: AgentId) => Answer): Answer {
  const agent = agentIdSchema.safeParse(c.req.param('agent'));
  if (agent.success) return answer(agent.data);
  return malformed('agent', 'expected an agent id');
}

function parsed<T, A extends Answer>(c: Ctx, schema: z.ZodType<T>, answer: (body: T) => A): A | Response {
  const text = textOf(c.get('body'));
  if (text === null) return problem('invalid_body');
  const body = schema.safeParse(parseJson(text));
  if (body.success) return answer(body.data);
  const errors = body.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  return problem('invalid_request', { errors: reportedFaults(errors) });
}

/** Null: the bytes are no UTF-8, and would be read as other text than was signed. */
function textOf(body: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    return null; // The one way in which decoding whole bytes fails.
  }
}

function isTokenFor(token: IssuedToken, agent: AgentId, inc: number): boolean {
  return token.agent === agent && token.inc === inc;
}

const malformed = (path: string, message: string): Response =>
  problem('invalid_request', { errors: [{ path, message }] });

const mismatch = (): Response => malformed('grant', 'must be for this agent and incarnation');
