/** Schemas of what the public API takes, and the names of its answers. They parse requests and make `/openapi.json`. */
import { z } from '@hono/zod-openapi';
import * as protocol from '#protocol';
import { ROLE_NAMES, SCOPES, agentIdSchema, keyIdSchema, subjectSchema, townIdSchema, writtenText } from '#protocol';
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

/** `POST /v1/towns`. The name may be that of another town; names of towns are for people. */
export const newTownSchema = z.strictObject({ name: nameSchema });
/** `POST .../agents`. Without `scopes` it has those of its role; without `runtime` it is the built-in agent. */
export const newAgentSchema = z
  .strictObject({
    name: nameSchema,
    role: roleSchema.default('worker'),
    scopes: scopesSchema.optional(),
    runtime: runtimeOrderSchema.nullable().default(null),
  })
  .refine(({ role, scopes }) => isWithinRole(role, scopes ?? []), { path: ['scopes'], message: BEYOND_ROLE });
/** `PATCH .../agents/{agent}`. What is left out stays; that scopes keep within the role is checked against the stored agent. */
export const agentChangeSchema = z.strictObject({
  role: roleSchema.optional(),
  scopes: scopesSchema.optional(),
  runtime: runtimeOrderSchema.nullable().optional(),
});
/** `POST .../messages`. The key may come in the header `Idempotency-Key` as well, and must then be the same. */
export const newMessageSchema = z.strictObject({
  content: writtenText.min(1),
  idempotency_key: z.string().refine(isIdempotencyKey, KEY_RULE).optional(),
});
/** `POST .../refresh`, of a town or an agent. `revoke_older`: older tokens are refused once the new one is confirmed. */
export const refreshSchema = z.strictObject({ revoke_older: z.boolean().default(false) });

/** `POST .../restore`. A bookmark is one that a restore has answered with. */
export const restoreSchema = z.union([
  z.strictObject({ at: z.iso.datetime({ offset: true }) }),
  z.strictObject({ bookmark: z.string().regex(/^[0-9a-f-]{1,128}$/, 'must be a bookmark: of 0-9, a-f and dashes') }),
]);

/** `POST /v1/keys`. A scope beyond that of the credential that asks is 403. */
export const apiKeyOrderSchema = z.strictObject({
  name: writtenText.trim().min(1).max(protocol.MAX_KEY_NAME_UNITS),
  scope: z.enum(protocol.PERSON_SCOPES).default('chat'),
  expires_in_days: z.number().int().min(1).max(protocol.MAX_KEY_DAYS).default(protocol.DEFAULT_KEY_DAYS),
});

/** `POST /v1/sign-in/links`. Without `scope` it is that of the credential; one beyond it is 403. */
export const signInLinkOrderSchema = z.strictObject({ scope: z.enum(protocol.PERSON_SCOPES).optional() });
/** `POST /v1/sign-in`. Any text, because one that is no code and one that was used are both 401. */
export const signInCodeSchema = z.strictObject({ code: z.string().max(256) });

/** `POST .../webhooks`. Where the address may lead is checked against the deployment. */
export const newWebhookSchema = z.strictObject({
  url: z.string().max(protocol.MAX_WEBHOOK_URL_UNITS),
  events: z.array(protocol.eventFilterSchema).min(1).max(protocol.MAX_EVENT_FILTERS),
  description: writtenText.max(protocol.MAX_WEBHOOK_DESCRIPTION_UNITS).default(''),
});
/** `PATCH .../webhooks/{webhook}`. What is left out stays. */
export const webhookChangeSchema = z.strictObject({
  url: newWebhookSchema.shape.url.optional(),
  events: newWebhookSchema.shape.events.optional(),
  description: writtenText.max(protocol.MAX_WEBHOOK_DESCRIPTION_UNITS).optional(),
  enabled: z.boolean().optional(),
});

/** `{town}`: any text, because one that is no id and one of another person are both 404. */
export const townParams = z.object({ town: z.string().openapi({ description: 'id of the town' }) });
/** `{agent}`: the id of an agent of the town, or the name of one that is not retired. */
export const agentParams = townParams.extend({ agent: z.string().max(64).openapi({ description: 'id or name' }) });
/** `{message}`: the id of a message to that agent. */
export const messageParams = agentParams.extend({ message: z.string().max(64) });

/** `Prefer: wait=N` of a request that may wait for the end of a turn. Source: RFC 7240, section 4.3. */
export const waitHeaders = z.object({
  prefer: z
    .string()
    .optional()
    .openapi({ description: '`wait=N`: answer when the turn is over, or after N seconds, at most 60' }),
});
/** `Idempotency-Key` beside `Prefer`, read by `idempotencyKeyOf`. */
export const sendHeaders = waitHeaders.extend({
  'idempotency-key': z.string().optional().openapi({ description: 'the same key again means the same message' }),
});

/** Digits and nothing else, so that an empty value or `1e3` is an error and no number. */
const wholeText = z.string().regex(/^\d{1,15}$/, 'must be a whole number');
/** A whole number in an address. */
const whole = (min: number, max: number = Number.MAX_SAFE_INTEGER) =>
  wholeText.transform(Number).pipe(z.number().min(min).max(max)).openapi({ type: 'integer', minimum: min });

const limit = whole(1, 200).default(50);
/** Lists by id: the cursor is the id that a page ended with, and empty at the beginning. */
const idCursor = (id: z.ZodType) =>
  z
    .string()
    .refine((text) => text === '' || id.safeParse(text).success, 'must be the `next` of a page')
    .default('');
/** A page of a person's towns, in the order of their ids; 1 to 200 of them. */
export const townsQuery = z.object({ cursor: idCursor(townIdSchema), limit });
/** A page of a person's keys, in the order of their ids; 1 to 200 of them. */
export const keysQuery = z.object({ cursor: idCursor(keyIdSchema), limit });
/** `{key}`: anything but an id of a key is 400. */
export const keyParams = z.object({
  key: z.string().pipe(keyIdSchema).openapi({ type: 'string', description: 'id of the key' }),
});
/** A page of members, in the order of their subjects; 1 to 200 of them. */
export const membersQuery = z.object({ cursor: idCursor(subjectSchema), limit });
/** `{subject}`: anything but an id of a person is 400. */
export const memberParams = townParams.extend({
  subject: z.string().pipe(subjectSchema).openapi({
    type: 'string',
    description: 'id of the person, percent-encoded; `GET /v1/me` shows one their own',
    example: 'oidc:google-oauth2|1084',
  }),
});
/** `PUT .../members/{subject}`. */
export const memberOrderSchema = z.strictObject({ role: z.enum(protocol.MEMBER_ROLES) });
/** `{webhook}`: any text, because one that is no id and one of another town are both 404. */
export const webhookParams = townParams.extend({
  webhook: z.string().max(64).openapi({ description: 'id of the webhook' }),
});
/** A page of agents, in the order of their ids; 1 to 200 of them. */
export const agentsQuery = z.object({ cursor: idCursor(agentIdSchema), limit });
/** A cursor that is a number by chance: to callers it is the `next` of a page, like any other. */
const seqCursor = wholeText.transform(Number).openapi({ type: 'string' });
/** Lists by number. */
export const seqQuery = z.object({ cursor: seqCursor.default(0), limit });
/** Messages of an agent, from either end. A cursor leads on in the order that it came with. */
export const messagesQuery = z.object({
  cursor: seqCursor.optional(),
  limit,
  order: z.enum(protocol.PAGE_ORDERS).default('oldest').openapi({ description: 'newest: the last messages first' }),
});
/** Unread mail: a cursor says that everything up to there was read. */
export const mailQuery = z.object({ cursor: seqCursor.optional(), limit });
/** Without `after` a stream begins with the next event. `ticket` is read before, with the credentials. */
export const streamQuery = z.object({
  ticket: z.string().optional(),
  after: whole(0).optional(),
});
/** What a client of server-sent events says when it comes again: the id of the last event that it has. */
export const eventsHeaders = z.object({
  'last-event-id': wholeText
    .transform(Number)
    .optional()
    .openapi({ type: 'string', description: 'of a stream: follow what comes after this event' }),
});
/** A page of a town's events: those with a `seq` above `after`, or those after a page; 1 to 200 of them. */
export const eventsQuery = z
  .object({ after: whole(0).optional(), cursor: seqCursor.optional(), limit })
  .refine(({ after, cursor }) => after === undefined || cursor === undefined, {
    path: ['cursor'],
    message: 'must be left out where `after` is given',
  });
