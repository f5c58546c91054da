/** Members of a town: people, each with a role. */
import { z } from 'zod';
import { PERSON_SCOPES, type PersonScope } from './api-keys.ts';

/** What a member may do; each contains those before it. */
export const MEMBER_ROLES = ['viewer', 'member', 'owner'] as const;
/** One of them. */
export type MemberRole = (typeof MEMBER_ROLES)[number];

/** The most that each role allows, as the scope of a credential; a call needs both. */
export const ROLE_ALLOWS = {
  viewer: 'read',
  member: 'chat',
  owner: 'admin',
} as const satisfies Record<MemberRole, PersonScope>;

/** The least role that allows what needs such a scope. */
export const ROLE_FOR = {
  read: 'viewer',
  chat: 'member',
  admin: 'owner',
} as const satisfies Record<PersonScope, MemberRole>;

/** Members of one town. */
export const MAX_MEMBERS_PER_TOWN = 100;
/** The id of a person, in UTF-16 code units: the longest way to sign in, and the longest subject of it. */
const MAX_SUBJECT_UNITS = 'access-service:'.length + 255;

/** The id of a person as `GET /v1/me` shows it: `oidc:<sub>`, `access:<sub>`; compared letter by letter. */
export const subjectSchema = z
  .string()
  .min(1)
  .max(MAX_SUBJECT_UNITS)
  .regex(/^\P{Cc}+$/u, 'must hold no control characters')
  .refine((text) => text.isWellFormed(), 'must be well-formed text');

const time = z.iso.datetime();

/** One member of a town. */
export const memberSchema = z.object({
  subject: z.string(),
  role: z.enum(MEMBER_ROLES),
  since: time,
  /** Null: whoever made the town. */
  added_by: z.string().nullable(),
});
export type MemberView = z.infer<typeof memberSchema>;

/** Who is calling, and what their credential allows. */
export const callerSchema = z.object({
  subject: z.string(),
  /** In a town the role counts too. */
  scope: z.enum(PERSON_SCOPES),
  /** When the credential is over; null: it has no end. */
  expires_at: time.nullable(),
});
