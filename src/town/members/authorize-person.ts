/** Decides each call of a person on the town's own rows, so that a membership that ends or changes holds at once (T11). Synchronous. */
import { ROLE_ALLOWS, allowsScope, type PersonScope } from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import type { Member } from '../../people/member-store.ts';
import type { TownPorts } from '../ports.ts';

/** A person whose credential the Worker has verified, and found to allow what is asked for. */
export interface PersonCall {
  readonly person: string;
}

/** `no_member`: to them the town is not there. `insufficient_role`: it takes another role. `too_many_writes`: for this minute. */
export type PersonRefusal = 'no_member' | 'insufficient_role' | 'too_many_writes';

/** The member who calls, where their role allows what needs such a scope. What is more than reading is counted. */
export function authorizePerson(
  p: TownPorts,
  { person }: PersonCall,
  needed: PersonScope,
): Result<Member, PersonRefusal> {
  const member = p.members.get(person);
  if (member === null) return err('no_member');
  if (!allowsScope(ROLE_ALLOWS[member.role], needed)) return err('insufficient_role');
  if (needed === 'read') return ok(member);
  const rate = p.writes.take(person, p.clock.now());
  if (rate === 'taken') return ok(member);
  if (rate === 'refused_first') p.log.warn('person.too_many_writes', { town: p.id, person });
  return err('too_many_writes');
}

/** As messages and answers name the person who wrote them. */
export const senderOf = ({ person }: Member): string => `person:${person}`;
