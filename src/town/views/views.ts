/** Rows as the outside sees them: snake_case, RFC 3339, no storage detail. */
import {
  messageKind,
  type AgentView,
  type MemberView,
  type MessageView,
  type PermissionView,
  type Runtime,
  type SweepReportView,
  type SweepView,
  type TownId,
  type TownView,
} from '#protocol';
import { timestamp } from '#lib/clock.ts';
import type { Member } from '../../people/member-store.ts';
import type { Message } from '../../outbox/message.ts';
import type { Permission } from '../../permissions/permission.ts';
import { needsSweep, type Agent } from '../../roster/agent.ts';
import type { ProcessFailure } from '../../roster/runtime-store.ts';
import type { Credential } from '../../tokens/credential.ts';
import type { SweepRecord, SweepReport } from '../state/sweep-store.ts';
import type { TownRecord } from '../state/town-store.ts';

/** `sweepAtMs` is the town's next sweep; it is the agent's next due time while it works and no retry comes first. */
export function agentView(
  town: TownId,
  agent: Agent,
  process: { readonly runtime: Runtime | null; readonly failure: ProcessFailure | null },
  credential: Credential,
  sweepAtMs: number,
): AgentView {
  const dueTimes = [credential.retryAtMs, agent.startDueAtMs, needsSweep(agent.state) ? sweepAtMs : null];
  const nextDue = dueTimes.filter((at): at is number => at !== null);
  const { laggingGen, laggingAtMs } = credential;
  return {
    id: agent.id,
    name: agent.name,
    role: agent.role,
    scopes: [...agent.scopes],
    state: agent.state,
    incarnation: agent.inc,
    container: `${town}:${agent.container}`,
    process_id: agent.processId,
    created_at: timestamp(agent.createdAtMs),
    last_heard_at: timestamp(agent.lastHeardAtMs),
    runtime: process.runtime,
    failure: process.failure === null ? null : failureView(process.failure),
    credential: {
      minted: credential.minted,
      acked: credential.acked,
      in_use: credential.inUse,
      lagging:
        laggingGen === null || laggingAtMs === null ? null : { generation: laggingGen, at: timestamp(laggingAtMs) },
      issued_at: timestamp(credential.issuedAtMs),
      expires_at: timestamp(credential.expiresAtMs),
      reason: credential.reason,
      last_outcome: credential.lastOutcome,
      last_error: credential.lastError,
      next_due_at: nextDue.length === 0 ? null : timestamp(Math.min(...nextDue)),
      revoked_at: timestamp(credential.revokedAtMs),
    },
  };
}

const failureView = ({ reason, detail, atMs }: ProcessFailure): AgentView['failure'] => ({
  reason,
  detail,
  at: timestamp(atMs),
});

/** A question of an agent as people see it. */
export function permissionView(asked: Permission): PermissionView {
  return {
    id: asked.id,
    agent: asked.agent,
    message: asked.message,
    attempt: asked.attempt,
    title: asked.title,
    kind: asked.kind,
    input: asked.input,
    options: [...asked.options],
    state: asked.state,
    requested_at: timestamp(asked.requestedAtMs),
    expires_at: timestamp(asked.expiresAtMs),
    option: asked.option,
    answered_by: asked.answeredBy,
    resolved_by: asked.resolvedBy,
    resolved_at: timestamp(asked.resolvedAtMs),
  };
}

/** A message as people see it. */
export function messageView(message: Message): MessageView {
  return {
    id: message.id,
    agent: message.agent,
    seq: message.seq,
    state: message.state,
    content: message.content,
    sender: message.sender,
    kind: messageKind(message.sender),
    idempotency_key: message.idempotencyKey,
    attempts: message.attempt,
    created_at: timestamp(message.createdAtMs),
    delivered_at: timestamp(message.deliveredAtMs),
    finished_at: timestamp(message.finishedAtMs),
    reply: message.reply,
    truncated: message.truncated,
    error: message.error,
  };
}

/** The town as its owner sees it. */
export function townView(
  town: TownRecord,
  agents: number,
  nextSweepAtMs: number | null,
  last: SweepRecord | null,
): TownView {
  return {
    id: town.id,
    name: town.name,
    created_at: timestamp(town.createdAtMs),
    agents,
    token_audiences: [...town.tokenAudiences],
    next_sweep_at: timestamp(nextSweepAtMs),
    last_sweep: last === null ? null : sweepView(last),
  };
}

function sweepView(sweep: SweepRecord): SweepView {
  return {
    started_at: timestamp(sweep.startedAtMs),
    finished_at: timestamp(sweep.finishedAtMs),
    ...sweepReportView(sweep),
  };
}

/** The counts and results of a sweep, in the names of the API. */
export function sweepReportView({ due, ok, failed, skipped, results }: SweepReport): SweepReportView {
  const shown = results.map(({ agent, outcome, generation }) => ({ agent, outcome, generation }));
  return { due, ok, failed, skipped, results: shown };
}

/** A member as people see them. */
export function memberView({ person, role, sinceMs, addedBy }: Member): MemberView {
  return { subject: person, role, since: timestamp(sinceMs), added_by: addedBy };
}
