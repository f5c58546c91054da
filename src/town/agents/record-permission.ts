/** What agents ask, and what became of it, written down. Synchronous, inside a transaction of the caller. */
import type { AgentId, MessageId, ResolvedBy, TurnEvent } from '#protocol';
import { timestamp } from '#lib/clock.ts';
import type { Permission } from '../../permissions/permission.ts';
import type { Agent } from '../../roster/agent.ts';
import type { TownPorts } from '../ports.ts';
import { isCurrentTurn } from '../state/current-turn.ts';

type Requested = Extract<TurnEvent, { type: 'permission.requested' }>;
type Resolved = Extract<TurnEvent, { type: 'permission.resolved' }>;

/**
 * The control server closes a question that is not answered; one that it does not report for this long (ms) after is closed
 * here.
 */
const CLOSE_AFTER_MS = 60_000;
/** A deadline is at most so far ahead (ms), whatever the container says: a question keeps its turn, and the town, waiting. */
const MAX_OPEN_MS = 24 * 3_600_000;
/** Questions that are over stay readable; so many, and so many are forgotten in one step. */
const KEPT = 1000;
const PRUNED_AT_ONCE = 100;

/** Only of the current attempt of a turn: what an earlier one asked, no person needs to answer. */
export function recordRequested(p: TownPorts, agent: Agent, asked: Requested, nowMs: number): void {
  if (!isCurrentTurn(p.messages, agent.id, asked)) return;
  const { permission, message, attempt, title, kind, input, options } = asked;
  const expiresAtMs = Math.min(Date.parse(asked.expires_at), nowMs + MAX_OPEN_MS);
  const row = { id: permission, agent: agent.id, inc: agent.inc, message, attempt, title, kind, input, options };
  if (!p.permissions.add({ ...row, requestedAtMs: nowMs, expiresAtMs }, Math.max(expiresAtMs, nowMs) + CLOSE_AFTER_MS))
    return;
  p.permissions.prune(KEPT, PRUNED_AT_ONCE);
  const data = { permission, message, attempt, title, kind, options, expires_at: timestamp(expiresAtMs) };
  p.events.append('reeve.permission.requested', agent.id, data, nowMs);
}

/**
 * The agent has its answer. A question that a policy settled at once was never shown to a person, and is reported all the same.
 */
export function recordResolved(p: TownPorts, agent: Agent, resolved: Resolved, nowMs: number): void {
  const { permission, message, attempt, outcome, option, by } = resolved;
  const known = p.permissions.get(permission);
  if (known !== null && known.agent !== agent.id) return;
  if (known !== null) return resolvePermission(p, known, { state: outcome, option, by }, nowMs);
  p.events.append('reeve.permission.resolved', agent.id, { permission, message, attempt, outcome, option, by }, nowMs);
}

/** Whatever the agent asked is over with its incarnation or itself; with `message` what it asked in that turn. */
export function closePermissions(p: TownPorts, agent: AgentId, nowMs: number, message?: MessageId): void {
  for (const open of p.permissions.openOf(agent)) {
    if (message !== undefined && open.message !== message) continue;
    resolvePermission(p, open, { state: 'cancelled', option: null, by: 'turn_ended' }, nowMs);
  }
}

/** It was not reported as over, long after its deadline. */
export function expirePermission(p: TownPorts, permission: Permission, nowMs: number): void {
  resolvePermission(p, permission, { state: 'cancelled', option: null, by: 'deadline' }, nowMs);
}

/** It has its end, and tells it; where it had one before, nothing changes. */
export function resolvePermission(
  p: TownPorts,
  { id: permission, agent, message, attempt }: Permission,
  as: { state: 'selected' | 'cancelled'; option: string | null; by: ResolvedBy },
  nowMs: number,
): void {
  if (!p.permissions.resolve(permission, as, nowMs)) return;
  const { state: outcome, option, by } = as;
  p.events.append('reeve.permission.resolved', agent, { permission, message, attempt, outcome, option, by }, nowMs);
}
