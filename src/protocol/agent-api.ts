/** What an agent, and its control server on its behalf, says to the town. JSON in snake_case, times RFC 3339. */
import { z } from 'zod';
import { messageIdSchema, sessionIdSchema } from './ids.ts';
import { MAX_EVENTS_PER_BATCH, MAX_TASK_UNITS } from './limits.ts';
import { agentText } from './text.ts';
import { turnEventSchema } from './turn-events.ts';

/** `POST /v1/agent/heartbeat`, sent by each working agent with its own token. */
export const heartbeatSchema = z.object({
  /** The message that the agent works on, or null between two. */
  turn: messageIdSchema.nullable(),
  current_task: agentText(MAX_TASK_UNITS).nullable(),
  /** Share of failed calls since the last heartbeat, 0 to 1. */
  error_rate: z.number().min(0).max(1),
  uptime_seconds: z.number().min(0),
  last_progress_at: z.iso.datetime().nullable(),
});
export type Heartbeat = z.infer<typeof heartbeatSchema>;

/**
 * Answer to a heartbeat. `lagging`: a newer generation was minted 10 s ago or more and is not acked yet; the control server
 * pulls.
 */
export const heartbeatAnswerSchema = z.object({ minted: z.number().int(), lagging: z.boolean() });
export type HeartbeatAnswer = z.infer<typeof heartbeatAnswerSchema>;

/** `POST /v1/agent/events`. `counter` grows with each batch of an incarnation; the town drops repeats. */
export const eventBatchSchema = z.object({
  counter: z.number().int().min(1),
  events: z.array(turnEventSchema).min(1).max(MAX_EVENTS_PER_BATCH),
});
export type EventBatch = z.infer<typeof eventBatchSchema>;
/** Answer to a batch of events. `repeated`: the counter was not new, and nothing was stored again. */
export const eventBatchAnswerSchema = z.object({ counter: z.number().int(), repeated: z.boolean() });
export type EventBatchAnswer = z.infer<typeof eventBatchAnswerSchema>;

/**
 * `POST /v1/container/:container/agents/:agent/token`: the control server asks for a fresh token of one of its agents, with
 * the session secret as bearer. The answer is an `IssuedToken`.
 */
export const pullSchema = z.object({
  session: sessionIdSchema,
  inc: z.number().int().min(1),
  /** The generation that the control server holds. */
  gen: z.number().int().min(0),
});
export type Pull = z.infer<typeof pullSchema>;

/** `POST /v1/container/hello`, with `CONTAINER_SECRET` as bearer: a control server came up. A hint, nothing is taken from it. */
export const helloSchema = z.object({ version: z.number().int().min(1) });
export type Hello = z.infer<typeof helloSchema>;
/** Answer to a hello: the towns are informed. */
export const helloAnswerSchema = z.object({ status: z.literal('accepted') });
