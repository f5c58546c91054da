/** Who the caller is, and the members of a town. */
import type * as api from '../api-types.ts';
import type { CallOptions, Caller, PageOptions } from '../caller.ts';
import { townPath } from './paths.ts';

export const memberCalls = (caller: Caller) => ({
  /** The person that the credential speaks for, and what it allows. */
  getCaller: (options?: CallOptions): Promise<api.Caller> => caller.get('/v1/me', options),

  listMembers: (town: string, options?: PageOptions): Promise<api.MemberPage> =>
    caller.page(membersPath(town), options),

  /** Adds a person, or changes the role of one. */
  putMember: (town: string, subject: string, order: api.MemberOrder, options?: CallOptions): Promise<api.Member> =>
    caller.put(memberPath(town, subject), order, options),

  removeMember: (town: string, subject: string, options?: CallOptions): Promise<api.Member> =>
    caller.delete(memberPath(town, subject), options),
});

const membersPath = (town: string): string => `${townPath(town)}/members`;

const memberPath = (town: string, subject: string): string => `${membersPath(town)}/${encodeURIComponent(subject)}`;
