/** What agents of one town say to each other, by way of the town: mail and delegations. JSON in snake_case, times RFC 3339. */
import { z } from 'zod';
import { agentIdSchema, delegationIdSchema, mailIdSchema } from './ids.ts';
import { DEFAULT_DELEGATION_SECONDS, MAX_DELEGATION_SECONDS } from './limits.ts';
import { agentText } from './text.ts';

const time = z.iso.datetime();
/** Id or name of an agent. */
const peer = agentText().min(1).max(64);
/** As it was written, its size bounded by the body that it comes in. Never empty. */
const text = agentText().min(1);
/** The text of another agent: between the lines that `fence` makes. */
const fenced = z.string();

/** `GET /v1/agent/peers`: the other live agents of the town, in the order of their ids. */
export const peersSchema = z.object({
  items: z.array(z.object({ id: agentIdSchema, name: z.string(), role: z.string(), state: z.string() })),
  next: z.string().nullable(),
});
export type Peers = z.infer<typeof peersSchema>;

/** `POST /v1/agent/mail`. Who sends it is in the token. */
export const newMailSchema = z.strictObject({ to: peer, text });
export type NewMail = z.infer<typeof newMailSchema>;
/** Answer to a mail: it is stored. `to` is the id of its reader, also where the sender gave a name. */
export const mailSentSchema = z.object({ id: mailIdSchema, to: agentIdSchema, sent_at: time });
export type MailSent = z.infer<typeof mailSentSchema>;

/**
 * `GET /v1/agent/mail`: the oldest first, from the first unread one on. `cursor` is the `next` of a page: it says that everything
 * up to there was read, and asks for what follows. `next` is null where nothing is left, so a reader that goes on until then
 * has marked all of it; a page whose answer was lost comes again.
 */
export const mailPageSchema = z.object({
  items: z.array(z.object({ id: mailIdSchema, from: agentIdSchema, sent_at: time, text: fenced })),
  next: z.string().nullable(),
});
export type MailPage = z.infer<typeof mailPageSchema>;

/**
 * `open`: the target may work on it. `done` and `failed`: its result is there; also `failed` where the target was retired.
 * `expired`: its deadline passed. `cancelled`: who delegated it was retired.
 */
export const DELEGATION_STATES = ['open', 'done', 'failed', 'expired', 'cancelled'] as const;
export type DelegationState = (typeof DELEGATION_STATES)[number];

/**
 * `POST /v1/agent/delegations`. `parent` names the delegation that this one is made for; without it, that is the one whose
 * message the caller works on now.
 */
export const newDelegationSchema = z.strictObject({
  to: peer,
  task: text,
  parent: delegationIdSchema.optional(),
  deadline_seconds: z.number().int().min(1).max(MAX_DELEGATION_SECONDS).default(DEFAULT_DELEGATION_SECONDS),
});
export type NewDelegation = z.infer<typeof newDelegationSchema>;
/** As it is sent: what has a default may be left out. */
export type DelegationOrder = z.input<typeof newDelegationSchema>;

/** What both agents and people may see of a delegation. */
export const delegationSchema = z.object({
  id: delegationIdSchema,
  from: agentIdSchema,
  to: agentIdSchema,
  parent: delegationIdSchema.nullable(),
  depth: z.number().int().min(1),
  state: z.enum(DELEGATION_STATES),
  /** Why the town ended it, where the target did not. */
  error: z.enum(['agent_retired']).nullable(),
  created_at: time,
  deadline_at: time,
  finished_at: time.nullable(),
  announced_at: time.nullable(),
});
export type DelegationView = z.infer<typeof delegationSchema>;

/** `GET /v1/agent/delegations/:id`, for the two agents that it concerns. */
export const delegationWithTextSchema = delegationSchema.extend({ task: fenced, result: fenced.nullable() });
export type DelegationWithText = z.infer<typeof delegationWithTextSchema>;

/** `POST /v1/agent/delegations/:id/result`, by its target alone. The same result again changes nothing. */
export const delegationResultSchema = z.strictObject({ state: z.enum(['done', 'failed']), text });
export type DelegationResult = z.infer<typeof delegationResultSchema>;

/** Who the town's own messages come from: no person and no agent can be called like this. */
export const SYSTEM_SENDER = 'system:delegations';

/** Whether a message was written by the town itself, or by a person or agent. */
export function messageKind(sender: string): 'user' | 'system' {
  return sender === SYSTEM_SENDER ? 'system' : 'user';
}

/**
 * The content of the town's own messages, as JSON text: ids and states, and nothing that any agent wrote (F14).
 * `assigned`: these are the receiver's to work on. `announced`: these, which it delegated, are over.
 */
export const noticeSchema = z.object({
  notice: z.enum(['delegation.assigned', 'delegation.announced']),
  delegations: z.array(z.object({ id: delegationIdSchema, state: z.enum(DELEGATION_STATES) })).min(1),
});
export type Notice = z.infer<typeof noticeSchema>;
