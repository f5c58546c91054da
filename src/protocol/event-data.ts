/**
 * What each event of a town says beyond its subject, by its type. A type never changes its meaning; a later release may add types,
 * and fields to their data. Flat on purpose: an event names things by id and tells states and counts. What an agent says and shows of
 * its work (its reply, tool calls, plans, what its process wrote last) is for people alone: no agent ever reads events (F14).
 */
import { z } from 'zod';
import { agentIdSchema, delegationIdSchema, mailIdSchema, messageIdSchema, permissionIdSchema } from './ids.ts';
import { DELEGATION_STATES } from './ledger-api.ts';
import { MEMBER_ROLES } from './members.ts';
import { RESOLVED_BY, permissionOptionSchema } from './permissions.ts';
import { ROLE_NAMES, SCOPES } from './roles.ts';
import { EXIT_REASONS } from './turn-events.ts';

/** Why a token is minted. */
export const ISSUE_REASONS = ['start', 'delivery', 'sweep', 'force', 'pull'] as const;
/** One of them. */
export type IssueReason = (typeof ISSUE_REASONS)[number];

/** Why an agent counts as stalled: no heartbeat came, or its turn gave no output. */
export const STALL_REASONS = ['silent', 'no_output'] as const;
/** One of them. */
export type StallReason = (typeof STALL_REASONS)[number];

/**
 * How it was found that an incarnation is gone. `stopped_silent`: it was silent, and its container has confirmed that it is stopped.
 * `container_lost`: its container was abandoned. `exited`: its process ended by itself.
 */
export const GONE_REASONS = [
  'asleep',
  'session_changed',
  'incarnation_mismatch',
  'unknown_agent',
  'stopped_silent',
  'container_lost',
  'exited',
] as const;
/** One of them. */
export type GoneReason = (typeof GONE_REASONS)[number];

/** Why an agent is not started again by itself. */
export const FAILED_REASONS = ['restarts_exhausted', 'retired_in_container', 'secret_missing'] as const;
/** One of them. */
export type FailedReason = (typeof FAILED_REASONS)[number];

/** Why the process of an agent came to nothing. `secret_missing`: a secret that its runtime names is not set. */
export const PROCESS_FAILURES = [...EXIT_REASONS, 'secret_missing'] as const;
/** One of them. */
export type ProcessFailureReason = (typeof PROCESS_FAILURES)[number];

/**
 * Why a town posts no more to a webhook. `gone`: its receiver answered 410. `failing`: it took nothing for days. `behind`: what it has yet
 * to get is no longer kept.
 */
export const WEBHOOK_END_REASONS = ['gone', 'failing', 'behind'] as const;
/** One of them. */
export type WebhookEndReason = (typeof WEBHOOK_END_REASONS)[number];

/** A reply in an event is cut to so many UTF-16 code units; the message has all of it. */
export const MAX_EVENT_REPLY_UNITS = 16 * 1024;

const time = z.iso.datetime();
const count = z.number().int().min(0);
const text = z.string();
const ids = z.array(messageIdSchema);
const ofIncarnation = z.object({ incarnation: count });
const turn = z.object({ message: messageIdSchema, attempt: count });
const ofPermission = turn.extend({ permission: permissionIdSchema });
const ofDelegation = z.object({ delegation: delegationIdSchema });

/** The role that the subject has, or had; `by` is who gave or took it. */
const ofMember = z.object({ role: z.enum(MEMBER_ROLES), by: text });

/** The schema of the `data` of each stored event. */
export const EVENT_DATA = {
  'reeve.town.created': z.object({ name: text }),
  'reeve.town.changed': z.object({ token_audiences: z.array(text) }),
  /** `undo` is there where the town itself went back: the bookmark of the state that it left. */
  'reeve.town.restored': z.object({ undo: text.optional() }),
  'reeve.keys.changed': z.object({}),
  'reeve.member.added': ofMember,
  'reeve.member.changed': ofMember,
  'reeve.member.removed': ofMember,
  'reeve.agent.created': z.object({ name: text, role: z.enum(ROLE_NAMES) }),
  /** `command` is there where the runtime changed; null is the built-in agent. */
  'reeve.agent.changed': z.object({
    role: z.enum(ROLE_NAMES),
    scopes: z.array(z.enum(SCOPES)),
    command: text.nullable().optional(),
  }),
  'reeve.agent.starting': ofIncarnation.extend({ wait_ms: count }),
  'reeve.agent.started': ofIncarnation.extend({ process_id: z.number().int().nullable() }),
  'reeve.agent.start_failed': ofIncarnation.extend({ reason: z.enum(PROCESS_FAILURES), detail: text }),
  'reeve.agent.exited': ofIncarnation.extend({
    reason: z.enum(EXIT_REASONS),
    detail: text,
    exit_code: z.number().int().nullable(),
    signal: text.nullable(),
    stderr: text,
  }),
  'reeve.agent.stopped': ofIncarnation,
  'reeve.agent.revoked': ofIncarnation,
  'reeve.agent.gone': ofIncarnation.extend({ why: z.enum(GONE_REASONS) }),
  'reeve.agent.stalled': ofIncarnation.extend({ why: z.enum(STALL_REASONS) }),
  'reeve.agent.recovered': ofIncarnation.extend({ was: z.enum(STALL_REASONS).nullable() }),
  'reeve.agent.failed': ofIncarnation.extend({ restarts: count, why: z.enum(FAILED_REASONS) }),
  'reeve.agent.retired': ofIncarnation.extend({ failed_messages: ids }),
  'reeve.agent.teardown_confirmed': ofIncarnation,
  'reeve.agent.teardown_given_up': ofIncarnation,
  'reeve.container.lost': z.object({ agents: z.array(agentIdSchema) }),
  'reeve.container.found': z.object({}),
  'reeve.token.issued': z.object({
    reason: z.enum(ISSUE_REASONS),
    agents: z.array(z.object({ agent: agentIdSchema, incarnation: count, generation: count })),
  }),
  'reeve.token.failed': z.object({ outcome: text, detail: text }),
  /** The generation is that of the agent's own token that it was exchanged for. */
  'reeve.token.exchanged': ofIncarnation.extend({ jti: text, audience: text, generation: count, expires_at: time }),
  'reeve.token.revoked': z.object({ jti: text }),
  'reeve.sweep.finished': z.object({ due: count, ok: count, failed: count, skipped: count }),
  'reeve.message.accepted': z.object({ message: messageIdSchema, sender: text }),
  'reeve.message.delivered': z.object({ messages: ids }),
  'reeve.message.queued_again': z.object({ messages: ids }),
  'reeve.message.cancelled': z.object({ message: messageIdSchema }),
  'reeve.message.dead_lettered': z.object({ messages: ids, error: text }),
  'reeve.turn.started': turn,
  'reeve.turn.tool_call': turn.extend({
    tool_call: text,
    title: text,
    kind: text,
    status: z.enum(['pending', 'in_progress', 'completed', 'failed']),
    detail: text,
  }),
  'reeve.turn.plan': turn.extend({
    entries: z.array(z.object({ content: text, status: text, priority: text })),
  }),
  /** `reply` and `error` as in the message; `truncated` where the message has more of the reply. Absent in events of release 0.1. */
  'reeve.turn.finished': turn.extend({
    state: z.enum(['done', 'failed']),
    reply: text.nullable().optional(),
    truncated: z.boolean().optional(),
    error: text.nullable().optional(),
  }),
  'reeve.permission.requested': ofPermission.extend({
    title: text,
    kind: text,
    options: z.array(permissionOptionSchema),
    expires_at: time,
  }),
  'reeve.permission.answered': ofPermission.extend({ option: text.nullable(), by: text }),
  'reeve.permission.resolved': ofPermission.extend({
    outcome: z.enum(['selected', 'cancelled']),
    option: text.nullable(),
    by: z.enum(RESOLVED_BY),
  }),
  'reeve.mail.sent': z.object({ mail: mailIdSchema, to: agentIdSchema }),
  'reeve.delegation.created': ofDelegation.extend({
    to: agentIdSchema,
    parent: delegationIdSchema.nullable(),
    depth: count,
  }),
  'reeve.delegation.finished': ofDelegation.extend({
    state: z.enum(DELEGATION_STATES),
    error: z.literal('agent_retired').optional(),
  }),
  'reeve.delegation.expired': ofDelegation,
  'reeve.delegation.announced': z.object({
    message: messageIdSchema,
    delegations: z.array(z.object({ id: delegationIdSchema, state: z.enum(DELEGATION_STATES) })),
  }),
  'reeve.delegation.result_refused': ofDelegation,
  /** A chat frontend asked for something beside the chat, and was answered without the agent. */
  'reeve.chat.side_call': z.object({ client: text, kind: text }),
  /** The address of a webhook is in none of these: it may hold what only its receiver knows. */
  'reeve.webhook.created': z.object({ events: z.array(text) }),
  'reeve.webhook.changed': z.object({ events: z.array(text), enabled: z.boolean() }),
  'reeve.webhook.secret_rotated': z.object({}),
  'reeve.webhook.disabled': z.object({ why: z.enum(WEBHOOK_END_REASONS) }),
  'reeve.webhook.deleted': z.object({}),
} as const satisfies Readonly<Record<`reeve.${string}.${string}`, z.ZodObject>>;

/** The type of a stored event. */
export type EventType = keyof typeof EVENT_DATA;
/** What an event of this type says. */
export type EventDataOf<T extends EventType> = z.infer<(typeof EVENT_DATA)[T]>;
