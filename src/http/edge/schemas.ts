/** Schemas of what the public API takes, and the names of its answers. They parse requests and make `/openapi.json`. */
import { z } from '@hono/zod-openapi';
import * as protocol from '#protocol';
import { ROLE_NAMES, SCOPES, agentIdSchema, keyIdSchema, townIdSchema, writtenText } from '#protocol';
import { isWithinRole } from '../../roster/agent.ts';
import { runtimeOrderSchema } from './runtime-order.ts';
import { KEY_RULE, isIdempotencyKey } from './idempotency-key.ts';

/** Names appear in URLs, where they stand for the id, so they cannot look like one. */
export const nameSchema = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/, 'must be 1 to 40 of a-z, 0-9 and inner dashes');

const roleSchema = z.enum(ROLE_NAMES);
const scopesSchema = z.array(z.enum(SCOPES)).max(16);
/** Where the scopes that an agent would have are more than its role may have. */
export const BEYOND_ROLE = 'must be within the scopes of the role';

export const newTownSchema = z.strictObject({ name: nameSchema }).openapi('NewTown');
export const newAgentSchema = z
  .strictObject({
    name: nameSchema,
    role: roleSchema.default('worker'),
    scopes: scopesSchema.optional(),
    runtime: runtimeOrderSchema.nullable().default(null),
  })
  .refine(({ role, scopes }) => isWithinRole(role, scopes ?? []), { path: ['scopes'], message: BEYOND_ROLE })
  .openapi('NewAgent');
export const agentChangeSchema = z
  .strictObject({
    role: roleSchema.optional(),
    scopes: scopesSchema.optional(),
    runtime: runtimeOrderSchema.nullable().optional(),
  })
  .openapi('AgentChange');
export const newMessageSchema = z
  .strictObject({
    content: writtenText.min(1),
    idempotency_key: z.string().refine(isIdempotencyKey, KEY_RULE).optional(),
  })
  .openapi('NewMessage');
export const refreshSchema = z.strictObject({ revoke_older: z.boolean().default(false) }).openapi('Refresh');

export const apiKeyOrderSchema = z
  .strictObject({
    name: writtenText.trim().min(1).max(protocol.MAX_KEY_NAME_UNITS),
    scope: z.enum(protocol.PERSON_SCOPES).default('chat'),
    expires_in_days: z.number().int().min(1).max(protocol.MAX_KEY_DAYS).default(protocol.DEFAULT_KEY_DAYS),
  })
  .openapi('ApiKeyOrder');

// The shapes of the answers are the protocol's; here they get the names that `/openapi.json` calls them by.
export const townSchema = protocol.townSchema.meta({ id: 'Town' });
export const townEntrySchema = protocol.townEntrySchema.meta({ id: 'TownEntry' });
export const deletedTownSchema = protocol.deletedTownSchema.meta({ id: 'DeletedTown' });
export const restoredSchema = protocol.restoredSchema.meta({ id: 'Restored' });
export const healthSchema = protocol.townHealthSchema.meta({ id: 'Health' });
export const sweepReportSchema = protocol.sweepReportSchema.meta({ id: 'SweepReport' });
export const agentSchema = protocol.agentSchema.meta({ id: 'Agent' });
export const permissionSchema = protocol.permissionSchema.meta({ id: 'Permission' });
export const permissionAnswerSchema = protocol.permissionAnswerSchema.meta({ id: 'PermissionAnswer' });
export const presetSchema = protocol.presetSchema.meta({ id: 'Preset' });
export const apiKeySchema = protocol.apiKeySchema.meta({ id: 'ApiKey' });
export const newApiKeySchema = protocol.newApiKeySchema.meta({ id: 'NewApiKey' });
export const messageSchema = protocol.messageSchema.meta({ id: 'Message' });
export const ticketSchema = protocol.streamTicketSchema.meta({ id: 'Ticket' });
export const problemBody = protocol.problemSchema.meta({ id: 'Problem' });
const eventSchema = protocol.eventSchema.meta({ id: 'Event' });
export const eventPageSchema = protocol.eventPageSchema.extend({ items: z.array(eventSchema) });

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
export const keysQuery = z.object({ cursor: idCursor(keyIdSchema), limit });
export const keyParams = z.object({
  key: z.string().pipe(keyIdSchema).openapi({ type: 'string', description: 'id of the key' }),
});
export const agentsQuery = z.object({ cursor: idCursor(agentIdSchema), limit });
/** Lists by number. */
export const seqQuery = z.object({ cursor: whole(0).default(0), limit });
/** Without `after` a stream begins with the next event. `ticket` is read before, with the credentials. */
export const streamQuery = z.object({
  ticket: z.string().optional(),
  after: whole(0).optional(),
});
export const eventsQuery = z.object({ after: whole(0).default(0), limit });
