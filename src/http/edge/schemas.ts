/** Schemas of what the public API takes and answers. Declared once: they parse requests and make `/openapi.json`. */
import { z } from '@hono/zod-openapi';
import { agentIdSchema, messageIdSchema, problemSchema, townIdSchema, writtenText } from '#protocol';
import { MESSAGE_STATES } from '../../outbox/message.ts';
import { AGENT_STATES, ROLES, SCOPES, isWithinRole, type Role } from '../../roster/agent.ts';
import { KEY_RULE, isIdempotencyKey } from './idempotency-key.ts';

const time = z.iso.datetime();
const count = z.number().int().min(0);
/** Names appear in URLs, where they stand for the id, so they cannot look like one. */
export const nameSchema = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/, 'must be 1 to 40 of a-z, 0-9 and inner dashes');

// The cast makes the tuple of keys that `z.enum` wants; `ROLES` is the only source of roles.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const roleSchema = z.enum(Object.keys(ROLES) as [Role, ...Role[]]);
const scopeSchema = z.enum(SCOPES);
const scopesSchema = z.array(scopeSchema).max(16);
/** Where the scopes that an agent would have are more than its role may have. */
export const BEYOND_ROLE = 'must be within the scopes of the role';

export const newTownSchema = z.strictObject({ name: nameSchema }).openapi('NewTown');
export const newAgentSchema = z
  .strictObject({
    name: nameSchema,
    role: roleSchema.default('worker'),
    scopes: scopesSchema.optional(),
  })
  .refine(({ role, scopes }) => isWithinRole(role, scopes ?? []), { path: ['scopes'], message: BEYOND_ROLE })
  .openapi('NewAgent');
export const agentChangeSchema = z
  .strictObject({
    role: roleSchema.optional(),
    scopes: scopesSchema.optional(),
    runtime: z.null('must be null, the built-in agent: other runtimes are not supported yet').optional(),
  })
  .openapi('AgentChange');
export const newMessageSchema = z
  .strictObject({
    content: writtenText.min(1),
    idempotency_key: z.string().refine(isIdempotencyKey, KEY_RULE).optional(),
  })
  .openapi('NewMessage');
export const refreshSchema = z.strictObject({ revoke_older: z.boolean().default(false) }).openapi('Refresh');

const sweepSchema = z.object({
  due: count,
  ok: count,
  failed: count,
  skipped: count,
  results: z.array(z.object({ agent: agentIdSchema, outcome: z.string(), generation: count })),
});
export const sweepReportSchema = sweepSchema.openapi('SweepReport');

export const townSchema = z
  .object({
    id: townIdSchema,
    name: z.string(),
    created_at: time,
    agents: count,
    next_sweep_at: time.nullable(),
    last_sweep: sweepSchema.extend({ started_at: time, finished_at: time }).nullable(),
  })
  .openapi('Town');

export const healthSchema = z
  .object({
    status: z.enum(['green', 'amber', 'red']),
    reasons: z.array(
      z.object({
        code: z.string(),
        status: z.enum(['amber', 'red']),
        agent: agentIdSchema.nullable(),
        since: time,
        detail: z.string(),
        advice: z.string(),
      }),
    ),
  })
  .openapi('Health');
export const restoredSchema = z.object({ containers: count, renewed: count }).openapi('Restored');

export const deletedTownSchema = z
  .object({ id: townIdSchema, status: z.enum(['deleted', 'deleting']) })
  .openapi('DeletedTown');
export const townEntrySchema = z.object({ id: townIdSchema, name: z.string(), created_at: time }).openapi('TownEntry');

export const agentSchema = z
  .object({
    id: agentIdSchema,
    name: z.string(),
    role: roleSchema,
    scopes: z.array(scopeSchema),
    state: z.enum(AGENT_STATES),
    incarnation: count,
    container: z.string(),
    process_id: z.number().int().nullable(),
    created_at: time,
    last_heard_at: time.nullable(),
    credential: z.object({
      minted: count,
      acked: count,
      in_use: count,
      lagging: z.object({ generation: count, at: time }).nullable(),
      issued_at: time.nullable(),
      expires_at: time.nullable(),
      reason: z.enum(['start', 'delivery', 'sweep', 'force', 'pull']).nullable(),
      last_outcome: z.string().nullable(),
      last_error: z.string().nullable(),
      next_due_at: time.nullable(),
      revoked_at: time.nullable(),
    }),
  })
  .openapi('Agent');

export const messageSchema = z
  .object({
    id: messageIdSchema,
    agent: agentIdSchema,
    seq: count,
    state: z.enum(MESSAGE_STATES),
    content: z.string(),
    sender: z.string(),
    kind: z.enum(['user', 'system']).openapi({ description: 'system: the town itself, about delegations' }),
    idempotency_key: z.string().nullable(),
    attempts: count,
    created_at: time,
    delivered_at: time.nullable(),
    finished_at: time.nullable(),
    reply: z.string().nullable(),
    truncated: z.boolean(),
    error: z.string().nullable(),
  })
  .openapi('Message');

export const eventSchema = z
  .object({
    specversion: z.literal('1.0'),
    id: z.string(),
    source: z.string(),
    type: z.string(),
    subject: z.string(),
    time,
    seq: count,
    datacontenttype: z.literal('application/json'),
    data: z.record(z.string(), z.unknown()),
  })
  .openapi('Event');

// Built anew from its parts: only schemas of this library's `z` can be given a name.
export const problemBody = z.object(problemSchema.shape).openapi('Problem');

/** A page of a list; `next` goes into `after` (events) or `cursor` (all others), null at the end. */
export const pageOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), next: z.string().nullable() });

export const eventPageSchema = pageOf(eventSchema).extend({
  oldest: count.openapi({
    description: 'seq of the oldest event that is kept: what lies between `after` and it is gone',
  }),
});

export const ticketSchema = z.object({ ticket: z.string(), expires_at: time }).openapi('Ticket');

export const townParams = z.object({ town: z.string().openapi({ description: 'id of the town' }) });
export const agentParams = townParams.extend({ agent: z.string().max(64).openapi({ description: 'id or name' }) });
export const messageParams = agentParams.extend({ message: z.string().max(64) });

export const waitHeaders = z.object({
  prefer: z
    .string()
    .optional()
    .openapi({ description: '`wait=N`: answer when the turn is over, or after N seconds, at most 60' }),
});
export const sendHeaders = waitHeaders.extend({
  'idempotency-key': z.string().optional().openapi({ description: 'the same key again means the same message' }),
});

/** A whole number in an address: digits and nothing else, so that an empty value or `1e3` is an error and no number. */
export const whole = (min: number, max: number = Number.MAX_SAFE_INTEGER) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min).max(max))
    .openapi({ type: 'integer', minimum: min });

const limit = whole(1, 200).default(50);
/** Lists by id: the cursor is the id that a page ended with, and empty at the beginning. */
const idCursor = (id: z.ZodType) =>
  z
    .string()
    .refine((text) => text === '' || id.safeParse(text).success, 'must be the `next` of a page')
    .default('');
export const townsQuery = z.object({ cursor: idCursor(townIdSchema), limit });
export const agentsQuery = z.object({ cursor: idCursor(agentIdSchema), limit });
/** Lists by number. */
export const seqQuery = z.object({ cursor: whole(0).default(0), limit });
/** Without `after` a stream begins with the next event. `ticket` is read before, with the credentials. */
export const streamQuery = z.object({
  ticket: z.string().optional(),
  after: whole(0).optional(),
});
export const eventsQuery = z.object({ after: whole(0).default(0), limit });
