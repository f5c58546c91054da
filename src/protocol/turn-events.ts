/** What an agent, and the control server on its behalf, reports of its turns and of its process. */
import { z } from 'zod';
import { turnResultSchema } from './control.ts';
import { messageIdSchema, permissionIdSchema } from './ids.ts';
import {
  MAX_DELTA_UNITS,
  MAX_FAILURE_UNITS,
  MAX_TOOL_DETAIL_UNITS,
  MAX_KIND_UNITS,
  MAX_OPTION_UNITS,
  MAX_PERMISSION_OPTIONS,
  MAX_PLAN_ENTRIES,
  MAX_PLAN_ENTRY_UNITS,
  MAX_PLAN_WORD_UNITS,
  MAX_STDERR_UNITS,
  MAX_TITLE_UNITS,
  MAX_TOOL_CALL_ID_UNITS,
} from './limits.ts';
import { RESOLVED_BY, permissionOptionSchema } from './permissions.ts';
import { START_FAILURES } from './runtime.ts';
import { agentText } from './text.ts';

const at = z.iso.datetime();
const turn = { message: messageIdSchema, attempt: z.number().int().min(1), at };

const toolCall = z.object({
  type: z.literal('turn.tool_call'),
  ...turn,
  /** The agent's own id of it: later events with the same one tell how it went on. */
  tool_call: agentText(MAX_TOOL_CALL_ID_UNITS),
  title: agentText(MAX_TITLE_UNITS),
  kind: agentText(MAX_KIND_UNITS),
  status: z.enum(['pending', 'in_progress', 'completed', 'failed']),
  /** Its input, or what came of it, as text. */
  detail: agentText(MAX_TOOL_DETAIL_UNITS),
});

const planEntry = z.object({
  content: agentText(MAX_PLAN_ENTRY_UNITS),
  status: agentText(MAX_PLAN_WORD_UNITS),
  priority: agentText(MAX_PLAN_WORD_UNITS),
});

/** A plan is sent whole each time. */
const plan = z.object({ type: z.literal('turn.plan'), ...turn, entries: z.array(planEntry).max(MAX_PLAN_ENTRIES) });

const permissionRequested = z.object({
  type: z.literal('permission.requested'),
  ...turn,
  permission: permissionIdSchema,
  title: agentText(MAX_TITLE_UNITS),
  kind: agentText(MAX_KIND_UNITS),
  input: agentText(MAX_TOOL_DETAIL_UNITS),
  options: z.array(permissionOptionSchema).max(MAX_PERMISSION_OPTIONS),
  /** The town's time at which it is answered `cancelled`. */
  expires_at: at,
});

/** Sent once for each permission that was asked, when the agent has its answer. `option` is null where none was selected. */
const permissionResolved = z.object({
  type: z.literal('permission.resolved'),
  ...turn,
  permission: permissionIdSchema,
  outcome: z.enum(['selected', 'cancelled']),
  option: z.string().max(MAX_OPTION_UNITS).nullable(),
  by: z.enum(RESOLVED_BY),
});

/**
 * `crashed`: it ended by itself while it took prompts. `stopped`: the control server ended it without being asked to by the town.
 * `disk_full`: likewise, because it had more on the disk than it may.
 */
export const EXIT_REASONS = [...START_FAILURES, 'crashed', 'stopped', 'disk_full'] as const;
export type ExitReason = (typeof EXIT_REASONS)[number];

/** The last event of an incarnation whose process ended by itself; what it held comes to no result. */
const processExited = z.object({
  type: z.literal('process.exited'),
  at,
  exit_code: z.number().int().nullable(),
  signal: z.string().max(MAX_KIND_UNITS).nullable(),
  reason: z.enum(EXIT_REASONS),
  /** For the person who chose the command: what the agent itself said, or what it did. */
  detail: agentText(MAX_FAILURE_UNITS).optional(),
  /** The end of what it wrote, without the values of its secrets. */
  stderr: agentText(MAX_STDERR_UNITS),
});

/** What a piece of an agent's output is: of its reply, or of what it thinks, which is in no reply and shown live only. */
export const DELTA_KINDS = ['text', 'thought'] as const;
export type DeltaKind = (typeof DELTA_KINDS)[number];

/** Results count only for the current (message, attempt). */
export const turnEventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('turn.started'), ...turn }),
  z.object({
    type: z.literal('turn.delta'),
    ...turn,
    kind: z.enum(DELTA_KINDS).default('text'),
    text: agentText(MAX_DELTA_UNITS),
  }),
  z.object({ type: z.literal('turn.finished'), ...turn, result: turnResultSchema }),
  toolCall,
  plan,
  permissionRequested,
  permissionResolved,
  processExited,
]);
export type TurnEvent = z.infer<typeof turnEventSchema>;
