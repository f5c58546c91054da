/** How a delegation ends: by its target's result, by its deadline, or with one of its two agents. Each plans its announcement. */
import type { AgentId, DelegationId, DelegationResult, DelegationView } from '#protocol';
import type { Delegation } from '../../ledger/delegation.ts';
import { err, ok, type Result } from '#lib/result.ts';
import type { Agent } from '../../roster/agent.ts';
import { delegationView } from './delegation-views.ts';
import { eachIsolated } from '../agents/due-work.ts';
import type { TownPorts } from '../ports.ts';
import { RUN_BUDGET_AGENTS } from '../state/alarm-plan.ts';

/**
 * Takes a result, from the target and from no other agent (M-30). It is stored together with its announcement's due time, so
 * what is not stored is not announced, and what is stored is not forgotten (M-31). The same result again changes nothing;
 * another one comes too late.
 */
export function finishDelegation(
  p: TownPorts,
  caller: Agent,
  id: string,
  { state, text }: DelegationResult,
): Result<DelegationView, 'unknown_delegation' | 'delegation_over'> {
  return p.transaction(() => {
    const found = p.delegations.get(id);
    if (found === null) return err('unknown_delegation');
    const now = p.clock.now();
    if (found.to !== caller.id) {
      refuseStranger(p, found, caller.id, now);
      return err('unknown_delegation');
    }
    if (found.state === 'open') {
      p.delegations.end(found.id, { state, result: text, error: null }, now);
      p.events.append('reeve.delegation.finished', caller.id, { delegation: found.id, state }, now);
    } else if (found.state !== state || found.result !== text) return err('delegation_over');
    return ok(delegationView(p.delegations.get(id) ?? found));
  });
}

/** Reported once per delegation, whichever agent tries and however often: a row remembers it, so no agent can fill the log. */
function refuseStranger(p: TownPorts, { id }: Delegation, agent: AgentId, nowMs: number): void {
  if (!p.delegations.warn(id)) return;
  p.log.warn('delegation.result_refused', { town: p.id, delegation: id, agent });
  p.events.append('reeve.delegation.result_refused', agent, { delegation: id }, nowMs);
}

/** Ends what was open for too long. */
export function expireDelegations(p: TownPorts): void {
  const now = p.clock.now();
  const expire = (id: DelegationId): void => {
    const found = p.delegations.get(id);
    if (found?.state !== 'open') return;
    p.delegations.end(id, { state: 'expired', result: null, error: null }, now);
    p.events.append('reeve.delegation.expired', found.from, { delegation: id }, now);
  };
  const due = p.delegations.overdue(now, RUN_BUDGET_AGENTS).map(({ id }) => id);
  eachIsolated(p, 'expire', due, expire, (id, atMs) => p.delegations.postponeDeadline(id, atMs));
}

/**
 * An agent is retired: what others delegated to it has failed, what it delegated is cancelled, and nothing is announced to it.
 * Synchronous, inside a transaction of the caller.
 */
export function endDelegationsOf(p: TownPorts, agent: AgentId, nowMs: number): void {
  for (const { id } of p.delegations.openTo(agent)) {
    p.delegations.end(id, { state: 'failed', result: null, error: 'agent_retired' }, nowMs);
    p.events.append(
      'reeve.delegation.finished',
      agent,
      { delegation: id, state: 'failed', error: 'agent_retired' },
      nowMs,
    );
  }
  for (const { id } of p.delegations.openFrom(agent)) {
    p.delegations.end(id, { state: 'cancelled', result: null, error: null }, nowMs, false);
    p.events.append('reeve.delegation.finished', agent, { delegation: id, state: 'cancelled' }, nowMs);
  }
  p.delegations.dropAnnouncements(agent);
}
