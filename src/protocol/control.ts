/** What the town sends to a control server, and what the control server answers. JSON in snake_case, times RFC 3339. */
import { z } from 'zod';
import { agentIdSchema, bootIdSchema, containerNameSchema, messageIdSchema, sessionIdSchema } from './ids.ts';
import {
  MAX_AGENTS_PER_PUSH,
  MAX_EARLIER_TURNS,
  MAX_EARLIER_UNITS,
  MAX_ERROR_UNITS,
  MAX_FAILURE_UNITS,
  MAX_MESSAGES_PER_DELIVERY,
  MAX_REPLY_BYTES,
} from './limits.ts';
import { START_FAILURES, launchSchema } from './runtime.ts';
import { agentText, cutToJsonBytes } from './text.ts';
import { traceparentSchema } from './trace-context.ts';

const counter = z.number().int().min(1);

/**
 * One minted token on its way to its agent. The fields beside the text repeat its claims, so that the control server
 * orders tokens without reading them. `issued_at` and `expires_at` are the town's time.
 */
export const issuedTokenSchema = z.object({
  agent: agentIdSchema,
  inc: counter,
  gen: counter,
  jti: z.string().min(8).max(64),
  token: z.string().min(1).max(8192),
  issued_at: z.iso.datetime(),
  expires_at: z.iso.datetime(),
});
export type IssuedToken = z.infer<typeof issuedTokenSchema>;

/**
 * What a compare-and-set of one token did.
 * `applied`: this token is now the agent's. `current`: it already was. `stale`: a newer generation is held.
 * `conflict`: same generation, another jti; the first is kept. `incarnation_mismatch`: the agent runs another incarnation.
 * `unknown_agent`: no such agent here, and none was made. `retired`: its tombstone stands.
 */
export const SWAP_OUTCOMES = [
  'applied',
  'current',
  'stale',
  'conflict',
  'incarnation_mismatch',
  'unknown_agent',
  'retired',
] as const;
export type SwapOutcome = (typeof SWAP_OUTCOMES)[number];

/** The ack. `inc` and `gen` are those that the control server holds after the swap; 0 where it holds none. */
export const swapResultSchema = z.object({
  agent: agentIdSchema,
  inc: z.number().int().min(0),
  gen: z.number().int().min(0),
  outcome: z.enum(SWAP_OUTCOMES),
});
export type SwapResult = z.infer<typeof swapResultSchema>;

/** HTTP status of a single push for each outcome; a batch answers 200 with one result per agent. */
export const SWAP_STATUS = {
  applied: 200,
  current: 200,
  stale: 409,
  conflict: 409,
  incarnation_mismatch: 409,
  unknown_agent: 404,
  retired: 410,
} as const satisfies Record<SwapOutcome, number>;

/** `GET /health`, the only answer without a push token. */
export const healthSchema = z.object({ status: z.literal('ok'), version: z.number().int(), boot: bootIdSchema });
export type Health = z.infer<typeof healthSchema>;

/**
 * `PUT /session`. `secret` is 256 bits in base64url; the control server shows it when it pulls. `epoch` fences out older ones.
 */
export const openSessionSchema = z.object({
  version: z.number().int().min(1),
  container: containerNameSchema,
  session: sessionIdSchema,
  epoch: z.number().int().min(1),
  secret: z.string().length(43),
  heartbeat_seconds: z.number().min(1).max(3600),
});
export type OpenSession = z.infer<typeof openSessionSchema>;
/** Answer to `PUT /session`. `boot` identifies this run of the control server's process. */
export const sessionOpenedSchema = z.object({
  session: sessionIdSchema,
  boot: bootIdSchema,
  epoch: z.number().int().min(1),
});
export type SessionOpened = z.infer<typeof sessionOpenedSchema>;

/** `DELETE /session`: the session that its token names is over, and its agents with it. */
export const sessionClosedSchema = z.object({ session: sessionIdSchema });
export type SessionClosed = z.infer<typeof sessionClosedSchema>;

/** A turn that was done before this start: what was asked, and what was answered. */
export const earlierTurnSchema = z.object({
  content: agentText(MAX_EARLIER_UNITS),
  reply: agentText(MAX_EARLIER_UNITS),
});
export type EarlierTurn = z.infer<typeof earlierTurnSchema>;

/** `POST /agents/:agent/start`: the token travels inside, so it is in the container before the agent runs. */
export const startAgentSchema = z.object({
  inc: counter,
  name: z.string().min(1).max(64),
  role: z.string().min(1).max(64),
  grant: issuedTokenSchema,
  /** Null: the built-in agent. */
  runtime: launchSchema.nullable().default(null),
  /** The last turns with people, the oldest first: for an agent that cannot take up its session. */
  earlier: z.array(earlierTurnSchema).max(MAX_EARLIER_TURNS).default([]),
});
export type StartAgent = z.infer<typeof startAgentSchema>;

/**
 * `started`: a new incarnation runs. `current`: this incarnation ran already (the repeat of a start).
 * `stale`: a higher incarnation runs, or this one was stopped. `retired`: tombstone. These two come with 409 and 410.
 * `failed`, 502: no process could be made, and `failure` says why. One that ends after that says so in an event.
 */
export const START_STATUS = { started: 200, current: 200, stale: 409, retired: 410, failed: 502 } as const;
/** Why no process could be made. `detail` is for people, and no code decides by it. */
export const startFailureSchema = z.object({ reason: z.enum(START_FAILURES), detail: agentText(MAX_FAILURE_UNITS) });
export type StartFailed = z.infer<typeof startFailureSchema>;
/** Answer to a start. `inc` and `gen` are those that run here after it; 0 where none does. */
export const agentStartedSchema = z.object({
  agent: agentIdSchema,
  inc: z.number().int().min(0),
  gen: z.number().int().min(0),
  outcome: z.enum(['started', 'current', 'stale', 'retired', 'failed']),
  /** Process that runs the agent; 0 where none does. */
  process_id: z.number().int().min(0),
  /** With `failed`, and only then. */
  failure: startFailureSchema.optional(),
});
export type AgentStarted = z.infer<typeof agentStartedSchema>;

/**
 * One message of a delivery. `attempt` grows with each hand-over; `seq` is the town's order of the agent's messages. A `traceparent`
 * that is missing, or is none, is null: a message is never refused for it.
 */
export const deliveredMessageSchema = z.object({
  message: messageIdSchema,
  attempt: counter,
  seq: counter,
  content: z.string(),
  sender: z.string().min(1).max(256),
  traceparent: traceparentSchema.nullable().catch(null),
});
export type DeliveredMessage = z.infer<typeof deliveredMessageSchema>;

/** `POST /agents/:agent/messages`: the token is applied before any of the messages is taken. */
export const deliverMessagesSchema = z.object({
  inc: counter,
  grant: issuedTokenSchema,
  messages: z.array(deliveredMessageSchema).min(1).max(MAX_MESSAGES_PER_DELIVERY),
});
export type DeliverMessages = z.infer<typeof deliverMessagesSchema>;

const turnDone = z.object({ state: z.literal('done'), reply: agentText(), truncated: z.boolean() });

/**
 * A turn's result as the control server keeps it until the town has acknowledged it. A reply is cut to `MAX_REPLY_BYTES` and an
 * error to `MAX_ERROR_UNITS` wherever one is read, so a town stores no longer one, whatever its control server sends.
 */
export const turnResultSchema = z.discriminatedUnion('state', [
  turnDone.overwrite(({ state, reply, truncated }) => {
    const cut = cutToJsonBytes(reply, MAX_REPLY_BYTES);
    return { state, reply: cut.text, truncated: truncated || cut.truncated };
  }),
  z.object({ state: z.literal('failed'), error: agentText(MAX_ERROR_UNITS) }),
]);
export type TurnResult = z.infer<typeof turnResultSchema>;

/** What the control server holds of one (message, attempt). `result` is there once the turn is over. */
export const heldMessageSchema = z.object({
  message: messageIdSchema,
  attempt: counter,
  state: z.enum(['delivered', 'working', 'done', 'failed']),
  result: turnResultSchema.optional(),
});
export type HeldMessage = z.infer<typeof heldMessageSchema>;

/** Answer to a delivery: the swap's outcome, and for each message what is held then. Empty where the swap refused. */
export const messagesAcceptedSchema = z.object({
  swap: swapResultSchema,
  messages: z.array(heldMessageSchema).max(MAX_MESSAGES_PER_DELIVERY),
});
export type MessagesAccepted = z.infer<typeof messagesAcceptedSchema>;

/** `POST /agents/:agent/refresh-token` and `POST /agents/refresh-tokens`. */
export const refreshTokenSchema = z.object({ grant: issuedTokenSchema });
export type RefreshToken = z.infer<typeof refreshTokenSchema>;
/** A batch of tokens, each for another agent. */
export const refreshTokensSchema = z.object({ grants: z.array(issuedTokenSchema).min(1).max(MAX_AGENTS_PER_PUSH) });
export type RefreshTokens = z.infer<typeof refreshTokensSchema>;
/** Answer to a batch: one result per token, in their order. */
export const swapResultsSchema = z.object({ results: z.array(swapResultSchema) });
export type SwapResults = z.infer<typeof swapResultsSchema>;

/** `POST /agents/:agent/stop` and `/retire`. Both are idempotent: an agent that does not run is already stopped. */
export const endAgentSchema = z.object({ inc: counter });
export type EndAgent = z.infer<typeof endAgentSchema>;
/** Answer to a stop or a teardown. */
export const agentEndedSchema = z.object({
  agent: agentIdSchema,
  inc: z.number().int().min(0),
  /** `stale`: a higher incarnation runs and was left alone (stop only, 409). */
  outcome: z.enum(['stopped', 'retired', 'stale']),
});
export type AgentEnded = z.infer<typeof agentEndedSchema>;

/**
 * `GET /agents`: the agents of the push token's session, and the messages they hold, without results: there may be thousands.
 */
export const runningAgentsSchema = z.object({
  agents: z.array(
    z.object({
      agent: agentIdSchema,
      inc: counter,
      gen: counter,
      process_id: z.number().int(),
      messages: z.array(heldMessageSchema.omit({ result: true })),
    }),
  ),
});
export type RunningAgents = z.infer<typeof runningAgentsSchema>;
