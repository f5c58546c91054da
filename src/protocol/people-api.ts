/**
 * What the town tells people: agents, messages, events, and its own state. JSON in snake_case, times RFC 3339. These shapes are the
 * answers alone: rows and records of the town have types of their own, and `src/town/views` makes the one of the other.
 */
import { z } from 'zod';
import { EVENT_DATA, ISSUE_REASONS, type EventDataOf, type EventType } from './event-data.ts';
import { agentIdSchema, messageIdSchema, permissionIdSchema, townIdSchema } from './ids.ts';
import { MAX_OPTION_UNITS } from './limits.ts';
import { MEMBER_ROLES } from './members.ts';
import { pageOf } from './page.ts';
import { DECISION_KINDS, RESOLVED_BY, permissionOptionSchema } from './permissions.ts';
import { ROLE_NAMES, SCOPES } from './roles.ts';
import { runtimeSchema } from './runtime.ts';

const time = z.iso.datetime();
const count = z.number().int().min(0);

/** The states of an agent; `retired` is final. */
export const AGENT_STATES = ['starting', 'idle', 'working', 'stalled', 'stopped', 'failed', 'retired'] as const;
export type AgentState = (typeof AGENT_STATES)[number];

/** The states of a message; `done`, `failed` and `cancelled` are final. */
export const MESSAGE_STATES = ['queued', 'delivered', 'working', 'done', 'failed', 'cancelled'] as const;
export type MessageState = (typeof MESSAGE_STATES)[number];

/** An agent and the health of its credential. Generations are 0 until there is one. */
export const agentSchema = z.object({
  id: agentIdSchema,
  name: z.string(),
  role: z.enum(ROLE_NAMES),
  scopes: z.array(z.enum(SCOPES)),
  state: z.enum(AGENT_STATES),
  incarnation: count,
  container: z.string(),
  process_id: z.number().int().nullable(),
  created_at: time,
  last_heard_at: time.nullable(),
  /** Null: the built-in agent. */
  runtime: runtimeSchema.nullable(),
  /** Why its process came to nothing last; it stands until a turn comes to its end. */
  failure: z.object({ reason: z.string(), detail: z.string(), at: time }).nullable(),
  credential: z.object({
    minted: count,
    acked: count,
    in_use: count,
    lagging: z.object({ generation: count, at: time }).nullable(),
    issued_at: time.nullable(),
    expires_at: time.nullable(),
    reason: z.enum(ISSUE_REASONS).nullable(),
    last_outcome: z.string().nullable(),
    last_error: z.string().nullable(),
    next_due_at: time.nullable(),
    revoked_at: time.nullable(),
  }),
});
export type AgentView = z.infer<typeof agentSchema>;

/** A message to an agent, its state and its reply. */
export const messageSchema = z.object({
  id: messageIdSchema,
  agent: agentIdSchema,
  seq: count,
  state: z.enum(MESSAGE_STATES),
  content: z.string(),
  sender: z.string(),
  kind: z.enum(['user', 'system']).describe('system: the town itself, about delegations'),
  idempotency_key: z.string().nullable(),
  attempts: count,
  created_at: time,
  delivered_at: time.nullable(),
  finished_at: time.nullable(),
  reply: z.string().nullable(),
  truncated: z.boolean(),
  error: z.string().nullable(),
});
export type MessageView = z.infer<typeof messageSchema>;

/** `open`: it waits for a person. `answered`: a person did, and the agent has yet to get it. The others are final. */
export const PERMISSION_STATES = ['open', 'answered', 'selected', 'cancelled'] as const;
export type PermissionState = (typeof PERMISSION_STATES)[number];

/** What an agent asked before it did something. */
export const permissionSchema = z.object({
  id: permissionIdSchema,
  agent: agentIdSchema,
  message: messageIdSchema,
  attempt: count,
  title: z.string(),
  kind: z.string(),
  input: z.string(),
  options: z.array(permissionOptionSchema),
  state: z.enum(PERMISSION_STATES),
  requested_at: time,
  expires_at: time,
  /** The option that was chosen, by its id; null: none. */
  option: z.string().nullable(),
  answered_by: z.string().nullable(),
  resolved_by: z.enum(RESOLVED_BY).nullable(),
  resolved_at: time.nullable(),
});
export type PermissionView = z.infer<typeof permissionSchema>;

/** A person's answer: one of the options, by its id or by what it means, or that it is to be cancelled. */
export const permissionAnswerSchema = z.union([
  z.strictObject({ option: z.string().min(1).max(MAX_OPTION_UNITS) }),
  z.strictObject({ kind: z.enum(DECISION_KINDS) }),
  z.strictObject({ cancelled: z.literal(true) }),
]);

/** What became of each token in a sweep or a forced refresh. `due` = `ok` + `failed` + `skipped`. */
export const sweepReportSchema = z.object({
  due: count,
  ok: count,
  failed: count,
  skipped: count,
  results: z.array(z.object({ agent: agentIdSchema, outcome: z.string(), generation: count })),
});
export type SweepReportView = z.infer<typeof sweepReportSchema>;

/** A sweep of the alarm, and when it ran. */
const sweepSchema = sweepReportSchema.extend({ started_at: time, finished_at: time });
export type SweepView = z.infer<typeof sweepSchema>;

/** A town, its next and its last sweep. */
export const townSchema = z.object({
  id: townIdSchema,
  name: z.string(),
  created_at: time,
  agents: count,
  /** For which its agents may exchange their tokens. */
  token_audiences: z.array(z.string()),
  next_sweep_at: time.nullable(),
  last_sweep: sweepSchema.nullable(),
});
export type TownView = z.infer<typeof townSchema>;

/** A town in a list of towns, and the role that the caller has there. */
export const townEntrySchema = z.object({
  id: townIdSchema,
  name: z.string(),
  role: z.enum(MEMBER_ROLES),
  created_at: time,
});

/** Something that is wrong in a town: since when, and what a person does about it. `code` is for programs, `detail` and `advice` are for people. */
const healthReasonSchema = z.object({
  code: z.string(),
  status: z.enum(['amber', 'red']),
  /** Null: it concerns the town. */
  agent: agentIdSchema.nullable(),
  since: time,
  detail: z.string(),
  advice: z.string(),
});
export type HealthReason = z.infer<typeof healthReasonSchema>;

/** `green`: no reason. `amber`: something needs attention. `red`: agents are without a valid token, or about to be. */
export const townHealthSchema = z.object({
  status: z.enum(['green', 'amber', 'red']),
  reasons: z.array(healthReasonSchema),
});
export type TownHealth = z.infer<typeof townHealthSchema>;

/** Answer to `POST .../restored`: how many containers the town has, and how many of them have their new session. */
export const restoredSchema = z.object({ containers: count, renewed: count });
export type Restored = z.infer<typeof restoredSchema>;

/** Answer to `POST .../restore`: the bookmark of the state that the town leaves, with which the same call undoes this one. */
export const restoreBegunSchema = z.object({ undo: z.string() });
export type RestoreBegun = z.infer<typeof restoreBegunSchema>;

/** Answer to the deletion of a town. `deleting`: a container has yet to confirm. */
export const deletedTownSchema = z.object({ id: townIdSchema, status: z.enum(['deleted', 'deleting']) });

/** Attributes of every stored event: a CloudEvent 1.0 in its JSON format, with `seq`, which orders the events of one town. */
const eventAttributes = z.object({
  specversion: z.literal('1.0'),
  id: z.string(),
  source: z.string(),
  subject: z.string().describe('id of what it happened to'),
  time,
  seq: count,
  datacontenttype: z.literal('application/json'),
});
type EventAttributes = z.infer<typeof eventAttributes>;

/** A stored event: its `type` says what is in its `data`. */
export type EventView = {
  [T in EventType]: EventAttributes & { type: T; data: EventDataOf<T> };
}[EventType];

const [firstEvent, ...otherEvents] = Object.entries(EVENT_DATA).map(([type, data]) =>
  eventAttributes.extend({ type: z.literal(type), data }),
);
if (firstEvent === undefined) throw new Error('a town has events');
// Made of the very table that the type is made of; what a map over its entries gives is typed by none of them.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const storedEvents = z.discriminatedUnion('type', [firstEvent, ...otherEvents]) as unknown as z.ZodType<EventView>;
/** The schema of a stored event, one shape for each type. */
export const eventSchema = storedEvents;

/** A page of events, oldest first; `next` goes into `after`. `oldest` is 0 where no event is kept. */
export const eventPageSchema = pageOf(eventSchema).extend({
  oldest: count.describe('seq of the oldest event that is kept: what lies between `after` and it is gone'),
});

/** What opens one stream of one town, and until when. */
export const streamTicketSchema = z.object({ ticket: z.string(), expires_at: time });
