/** Who belongs to a town: each change is one transaction with its event, and holds from its end on. */
import { MAX_MEMBERS_PER_TOWN, type EventType, type MemberRole } from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import type { Member } from '../../people/member-store.ts';
import { SAFETY_RETRY_MS } from '../../tokens/refresh-policy.ts';
import type { TownPorts } from '../ports.ts';

/** Who is to be a member, and as what. */
export interface MemberOrder {
  readonly person: string;
  readonly role: MemberRole;
}

/** `isNew`: they were no member before. */
export interface PutMember {
  readonly member: Member;
  readonly isNew: boolean;
}

/** Makes a person a member, or gives a member another role; the same again changes nothing. `by` is an owner. */
export function putMember(
  p: TownPorts,
  by: Member,
  { person, role }: MemberOrder,
): Result<PutMember, 'limit_exceeded' | 'last_owner'> {
  return p.transaction(() => {
    const before = p.members.get(person);
    if (before === null && p.members.count() >= MAX_MEMBERS_PER_TOWN) return err('limit_exceeded');
    if (role !== 'owner' && p.members.isLastOwner(person)) return err('last_owner');
    const member = { sinceMs: p.clock.now(), addedBy: by.person, ...before, person, role };
    if (before?.role !== role) {
      p.members.put(member);
      record(p, before === null ? 'reeve.member.added' : 'reeve.member.changed', member, by);
    }
    planPublication(p);
    return ok({ member, isNew: before === null });
  });
}

/** Ends a membership, and the person's streams with it. An owner may end any, and everyone their own. */
export function removeMember(
  p: TownPorts,
  by: Member,
  person: string,
): Result<Member, 'not_found' | 'insufficient_role' | 'last_owner'> {
  if (by.person !== person && by.role !== 'owner') return err('insufficient_role');
  const removed = p.transaction(() => {
    const member = p.members.get(person);
    if (member === null) return err('not_found' as const);
    if (p.members.isLastOwner(person)) return err('last_owner' as const);
    p.members.remove(person);
    record(p, 'reeve.member.removed', member, by);
    planPublication(p);
    return ok(member);
  });
  if (removed.ok) closeStreamsOf(p, person);
  return removed;
}

type MemberEvent = Extract<EventType, `reeve.member.${string}`>;

function record(p: TownPorts, type: MemberEvent, { person, role }: Member, by: Member): void {
  p.events.append(type, person, { role, by: by.person }, p.clock.now());
}

/** Also where nothing has changed: whoever asks again heals a directory that has another list. */
function planPublication(p: TownPorts): void {
  const now = p.clock.now();
  p.town.membersChanged(now, now + SAFETY_RETRY_MS);
}

function closeStreamsOf(p: TownPorts, person: string): void {
  for (const { socket, reader } of p.readers.open()) if (reader.person === person) p.readers.close(socket, 'removed');
}
