/** What an agent may ask of its town. */

/** The `scope` of an agent's tokens. */
export const SCOPES = ['heartbeat', 'events', 'mail', 'peers', 'delegate', 'exchange', 'agents'] as const;
export type Scope = (typeof SCOPES)[number];

/** Roles of agents; `ROLES` says what each may ask for. */
export const ROLE_NAMES = ['worker', 'mayor'] as const;
export type Role = (typeof ROLE_NAMES)[number];

/** A role is a named set of scopes: the most that an agent of this role may be granted. */
export const ROLES = {
  worker: ['heartbeat', 'events', 'mail', 'peers', 'delegate'],
  mayor: SCOPES,
} as const satisfies Record<Role, readonly Scope[]>;
