/** What an agent asks before it does something, and what a person answers. */
import { z } from 'zod';
import { agentIdSchema } from './ids.ts';
import { MAX_OPTION_UNITS } from './limits.ts';
import { agentText } from './text.ts';

/** What granting or refusing means; ids and names of options differ between agents. */
export const DECISION_KINDS = ['allow_once', 'allow_always', 'reject_once', 'reject_always'] as const;
export type DecisionKind = (typeof DECISION_KINDS)[number];
/** `choice`: one answer to a question of the agent, which neither grants nor refuses anything. */
export const OPTION_KINDS = [...DECISION_KINDS, 'choice'] as const;
/** One option of a question. Its `kind` says what it means; `name` is the agent's own text for people. */
export const permissionOptionSchema = z.object({
  id: z.string().min(1).max(MAX_OPTION_UNITS),
  name: agentText(MAX_OPTION_UNITS),
  kind: z.enum(OPTION_KINDS),
});
export type PermissionOption = z.infer<typeof permissionOptionSchema>;

/** Who settled it: a person, the policy of the agent's runtime, its deadline, or the end of its turn. */
export const RESOLVED_BY = ['person', 'policy', 'deadline', 'turn_ended'] as const;
export type ResolvedBy = (typeof RESOLVED_BY)[number];

/**
 * `POST /agents/:agent/permissions/:permission`: a person's answer to what an agent asks. `option` is the id of one of its options;
 * null answers `cancelled`.
 */
export const answerPermissionSchema = z.object({
  inc: z.number().int().min(1),
  option: z.string().min(1).max(MAX_OPTION_UNITS).nullable(),
});
export type AnswerPermission = z.infer<typeof answerPermissionSchema>;
/** `unknown_permission`: it is not open here, or has no such option. The last two say that this incarnation does not run here. */
export const ANSWER_STATUS = {
  answered: 200,
  unknown_permission: 404,
  incarnation_mismatch: 409,
  unknown_agent: 404,
} as const;
/** Answer of the control server to a person's decision. */
export const permissionAnsweredSchema = z.object({
  agent: agentIdSchema,
  /** The incarnation that runs here; 0 where none does. */
  inc: z.number().int().min(0),
  outcome: z.enum(['answered', 'unknown_permission', 'incarnation_mismatch', 'unknown_agent']),
});
export type PermissionAnswered = z.infer<typeof permissionAnsweredSchema>;
