import {
  MAX_DELEGATIONS_UNDER_WAY,
  SYSTEM_SENDER,
  type DelegationId,
  type DelegationView,
  type NewDelegation,
  type Notice,
} from '#protocol';
import { depthUnder, openBytes, taskMessage, type DelegationHead } from '../../ledger/delegation.ts';
import { err, ok, type Result } from '#lib/result.ts';
import type { Agent } from '../../roster/agent.ts';
import { acceptMessage } from '../agents/accept-message.ts';
import { delegationView } from './delegation-views.ts';
import { hasLedgerRoom } from './ledger-room.ts';
import type { TownPorts } from '../ports.ts';
import { isOverQuota } from './send-mail.ts';

/**
 * `to_oneself`: that would be no delegation (M-38). `parent_not_open`: the delegation that it is made for is not the caller's to
 * work on. `too_deep`: the chain is as long as one may be.
 */
export type DelegateRefusal = 'unknown_peer' | 'to_oneself' | 'parent_not_open' | 'too_deep' | 'limit_exceeded';

/** A delegation as its maker calls for it. `traceparent`: of the call. */
export type DelegationCall = NewDelegation & { readonly id: DelegationId; readonly traceparent?: string };

/**
 * Hands a task to another agent of the town: the row, and the message that tells the other one of it, in one step. The message
 * holds the id and the state; the task itself is fetched (F14). The same id again changes nothing. The caller serves the target.
 */
export function delegate(p: TownPorts, from: Agent, order: DelegationCall): Result<DelegationView, DelegateRefusal> {
  return p.transaction(() => {
    const known = p.delegations.get(order.id);
    if (known !== null) return ok(delegationView(known));
    const now = p.clock.now();
    const target = p.agents.find(order.to);
    if (target === null || target.state === 'retired') return err('unknown_peer');
    if (target.id === from.id) return err('to_oneself');
    const parent = parentOf(p, from, order.parent);
    if (parent === 'unknown') return err('parent_not_open');
    const depth = depthUnder(parent, from.id);
    if (typeof depth !== 'number') return err(depth);
    if (isOverQuota(p, from.id, now) || p.delegations.countUnderWay(from.id) >= MAX_DELEGATIONS_UNDER_WAY) {
      return err('limit_exceeded');
    }
    const { id, task, traceparent = null } = order;
    if (!hasLedgerRoom(p, openBytes(task), now)) return err('limit_exceeded');
    const deadlineAtMs = now + order.deadline_seconds * 1000;
    const row = { id, from: from.id, to: target.id, parent: parent?.id ?? null, depth, task };
    const notice: Notice = { notice: 'delegation.assigned', delegations: [{ id, state: 'open' }] };
    const message = { id: taskMessage(id), agent: target, content: JSON.stringify(notice), sender: SYSTEM_SENDER };
    if (!acceptMessage(p, { ...message, traceparent }).ok) return err('limit_exceeded');
    p.delegations.add({ ...row, createdAtMs: now, deadlineAtMs });
    p.events.append(
      'reeve.delegation.created',
      from.id,
      { delegation: id, to: target.id, parent: row.parent, depth },
      now,
    );
    const added = p.delegations.get(id);
    if (added === null) throw new Error('an opened delegation is a row');
    return ok(delegationView(added));
  });
}

/**
 * What a delegation is made for: what the caller says, or else what it works on at this moment, by the town's own rows. So a
 * chain does not get shorter by saying nothing.
 */
function parentOf(p: TownPorts, from: Agent, claimed: DelegationId | undefined): DelegationHead | null | 'unknown' {
  if (claimed !== undefined) return p.delegations.get(claimed) ?? 'unknown';
  const working = ({ id }: DelegationHead): boolean => p.messages.get(taskMessage(id))?.state === 'working';
  return p.delegations.openTo(from.id).find(working) ?? null;
}
