/**
 * Every call of the control API that is made in a session, in one place: the town's client, its link and the routes of the control
 * server follow from this table. A new call is a row here and a handler there.
 */
import type { z } from 'zod';
import {
  agentEndedSchema,
  agentStartedSchema,
  deliverMessagesSchema,
  endAgentSchema,
  messagesAcceptedSchema,
  refreshTokenSchema,
  refreshTokensSchema,
  runningAgentsSchema,
  startAgentSchema,
  swapResultSchema,
  swapResultsSchema,
} from './control.ts';
import type { AgentId, PermissionId } from './ids.ts';
import { agentInterruptedSchema, interruptAgentSchema } from './interrupt.ts';
import { answerPermissionSchema, permissionAnsweredSchema } from './permissions.ts';

interface ControlCall {
  readonly method: 'GET' | 'POST';
  /** With `:agent` where it is about one, and `:permission` where it answers one. */
  readonly path: string;
  /** Null: it has none. */
  readonly body: z.ZodType | null;
  readonly answer: z.ZodType;
  /** How long it may take: as long as any push, or shorter, because a person waits for what rides along. */
  readonly within: 'push' | 'message';
}

/** Every call of the control API. The routes of the control server, the client and the link type are derived from it. */
export const CONTROL_CALLS = {
  start: {
    method: 'POST',
    path: '/agents/:agent/start',
    body: startAgentSchema,
    answer: agentStartedSchema,
    within: 'push',
  },
  deliver: {
    method: 'POST',
    path: '/agents/:agent/messages',
    body: deliverMessagesSchema,
    answer: messagesAcceptedSchema,
    within: 'message',
  },
  refreshOne: {
    method: 'POST',
    path: '/agents/:agent/refresh-token',
    body: refreshTokenSchema,
    answer: swapResultSchema,
    within: 'push',
  },
  refreshMany: {
    method: 'POST',
    path: '/agents/refresh-tokens',
    body: refreshTokensSchema,
    answer: swapResultsSchema,
    within: 'push',
  },
  stop: { method: 'POST', path: '/agents/:agent/stop', body: endAgentSchema, answer: agentEndedSchema, within: 'push' },
  retire: {
    method: 'POST',
    path: '/agents/:agent/retire',
    body: endAgentSchema,
    answer: agentEndedSchema,
    within: 'push',
  },
  /** Which agents run there, and the states of the messages that it holds for them. */
  list: { method: 'GET', path: '/agents', body: null, answer: runningAgentsSchema, within: 'push' },
  interrupt: {
    method: 'POST',
    path: '/agents/:agent/interrupt',
    body: interruptAgentSchema,
    answer: agentInterruptedSchema,
    within: 'push',
  },
  answerPermission: {
    method: 'POST',
    path: '/agents/:agent/permissions/:permission',
    body: answerPermissionSchema,
    answer: permissionAnsweredSchema,
    within: 'message',
  },
} as const satisfies Record<string, ControlCall>;

export type ControlCallName = keyof typeof CONTROL_CALLS;

/** The names of the calls, in the order of the table. */
export const CONTROL_CALL_NAMES = Object.keys(CONTROL_CALLS).filter(
  (name): name is ControlCallName => name in CONTROL_CALLS,
);

type Row<N extends ControlCallName> = (typeof CONTROL_CALLS)[N];

/** What one call is about and what it brings. */
export type ControlOrder<N extends ControlCallName> = {
  readonly agent: Row<N>['path'] extends `${string}:agent${string}` ? AgentId : null;
  readonly body: Row<N>['body'] extends z.ZodType<infer B> ? B : null;
} & (Row<N>['path'] extends `${string}:permission`
  ? { readonly permission: PermissionId }
  : { readonly permission?: never });

/** The body of a successful answer to this call. */
export type ControlCallAnswer<N extends ControlCallName> = z.infer<Row<N>['answer']>;

/** For a call that needs nothing but its session. */
export const NO_ORDER = { agent: null, body: null } as const;
