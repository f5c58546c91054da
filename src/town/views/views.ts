/** Rows as the outside sees them: snake_case, RFC 3339, no storage detail. */
import { messageKind, type AgentId, type MessageId, type TownId } from '#protocol';
import { timestamp } from '#lib/clock.ts';
import type { Message, MessageState } from '../../outbox/message.ts';
import { needsSweep, type Agent, type AgentState, type Role, type Scope } from '../../roster/agent.ts';
import type { Credential, IssueReason } from '../../tokens/token-store.ts';
import type { SweepRecord, SweepResult } from '../state/sweep-store.ts';
import type { TownRecord } from '../state/town-store.ts';

export interface AgentView {
  id: AgentId;
  name: string;
  role: Role;
  scopes: Scope[];
  state: AgentState;
  incarnation: number;
  container: string;
  process_id: number | null;
  created_at: string;
  last_heard_at: string | null;
  credential: {
    minted: number;
    acked: number;
    in_use: number;
    lagging: { generation: number; at: string } | null;
    issued_at: string | null;
    expires_at: string | null;
    reason: IssueReason | null;
    last_outcome: string | null;
    last_error: string | null;
    next_due_at: string | null;
    revoked_at: string | null;
  };
}

export interface MessageView {
  id: MessageId;
  agent: AgentId;
  seq: number;
  state: MessageState;
  content: string;
  sender: string;
  /** `system`: the town's own, about delegations; nobody wrote it. */
  kind: 'user' | 'system';
  idempotency_key: string | null;
  attempts: number;
  created_at: string;
  delivered_at: string | null;
  finished_at: string | null;
  reply: string | null;
  truncated: boolean;
  error: string | null;
}

export interface SweepView {
  started_at: string;
  finished_at: string;
  due: number;
  ok: number;
  failed: number;
  skipped: number;
  results: SweepResult[];
}

export interface TownView {
  id: TownId;
  name: string;
  created_at: string;
  agents: number;
  next_sweep_at: string | null;
  last_sweep: SweepView | null;
}

/** `sweepAtMs` is the town's next sweep; it is the agent's next due time while it works and no retry comes first. */
export function agentView(town: TownId, agent: Agent, credential: Credential, sweepAtMs: number): AgentView {
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
    next_sweep_at: timestamp(nextSweepAtMs),
    last_sweep: last === null ? null : sweepView(last),
  };
}

function sweepView({ startedAtMs, finishedAtMs, due, ok, failed, skipped, results }: SweepRecord): SweepView {
  const times = { started_at: timestamp(startedAtMs), finished_at: timestamp(finishedAtMs) };
  return { ...times, due, ok, failed, skipped, results: [...results] };
}
