/** Delegations as the outside sees them; texts only between the lines of a fence, and only for whom they concern. */
import { fence, fenceMark, fillPage, type DelegationView, type DelegationWithText, type Page } from '#protocol';
import type { Delegation, DelegationHead } from '../../ledger/delegation.ts';
import { timestamp } from '#lib/clock.ts';
import { err, ok, type Result } from '#lib/result.ts';
import { randomBytes } from '#lib/secret.ts';
import type { Agent } from '../../roster/agent.ts';
import type { TownPorts } from '../ports.ts';

/** A mark that no agent can have known when the text was written: as random as an id. */
export const drawMark = (): string => fenceMark(randomBytes);

/** A delegation without its texts, as people and agents see it. */
export function delegationView(delegation: DelegationHead): DelegationView {
  return {
    id: delegation.id,
    from: delegation.from,
    to: delegation.to,
    parent: delegation.parent,
    depth: delegation.depth,
    state: delegation.state,
    error: delegation.error,
    created_at: timestamp(delegation.createdAtMs),
    deadline_at: timestamp(delegation.deadlineAtMs),
    finished_at: timestamp(delegation.finishedAtMs),
    announced_at: timestamp(delegation.announcedAtMs),
  };
}

function delegationWithText(delegation: Delegation): DelegationWithText {
  return {
    ...delegationView(delegation),
    task: fence(delegation.task, drawMark),
    result: delegation.result === null ? null : fence(delegation.result, drawMark),
  };
}

/** For the two agents that it concerns; to any other it is not there. */
export function readDelegation(
  p: TownPorts,
  caller: Agent,
  id: string,
): Result<DelegationWithText, 'unknown_delegation'> {
  const found = p.delegations.get(id);
  if (found === null || (found.from !== caller.id && found.to !== caller.id)) return err('unknown_delegation');
  return ok(delegationWithText(found));
}

/** A page for people: ids, states and times. `after` is the `next` of the page before, 0 for the first. */
export function listDelegations(p: TownPorts, after: number, limit: number): Page<DelegationView> {
  return fillPage(p.delegations.list(after, limit + 1), limit, delegationView, ({ seq }) => String(seq));
}
