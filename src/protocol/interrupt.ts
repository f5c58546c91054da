/** How the town ends a turn in a control server. */
import { z } from 'zod';
import { agentIdSchema, messageIdSchema } from './ids.ts';

/** Error of a turn that was ended from outside before the agent ended it. */
export const INTERRUPTED = 'interrupted';

/**
 * `POST /agents/:agent/interrupt`: ends the turn under way as `failed` with the error `interrupted`, and the agent goes on with
 * its next message. With `message` only that one's: a turn that has not begun never does. With `withdraw` the message is cancelled:
 * its turn does not begin either where its delivery arrives after this. Repeating it changes nothing then.
 */
export const interruptAgentSchema = z.object({
  inc: z.number().int().min(1),
  message: messageIdSchema.optional(),
  withdraw: z.boolean().optional(),
});
export type InterruptAgent = z.infer<typeof interruptAgentSchema>;
/** `idle`: there was no such turn. The other two say that this incarnation does not run here. */
export const INTERRUPT_STATUS = { interrupted: 200, idle: 200, incarnation_mismatch: 409, unknown_agent: 404 } as const;
/** Answer to an interrupt, with its outcome. */
export const agentInterruptedSchema = z.object({
  agent: agentIdSchema,
  /** The incarnation that runs here; 0 where none does. */
  inc: z.number().int().min(0),
  outcome: z.enum(['interrupted', 'idle', 'incarnation_mismatch', 'unknown_agent']),
});
export type AgentInterrupted = z.infer<typeof agentInterruptedSchema>;
