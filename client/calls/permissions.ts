/** What agents ask a person before they do it. */
import type * as api from '../api-types.ts';
import type { CallOptions, Caller, PageOptions } from '../caller.ts';
import { townPath } from './paths.ts';

export interface PermissionPageOptions extends PageOptions {
  /** `open`, where not said: what is not over. */
  readonly state?: 'open' | 'all' | undefined;
}

export const permissionCalls = (caller: Caller) => ({
  listPermissions: (town: string, { state, ...page }: PermissionPageOptions = {}): Promise<api.PermissionPage> =>
    caller.page(`${townPath(town)}/permissions`, page, { state }),

  getPermission: (town: string, permission: string, options?: CallOptions): Promise<api.Permission> =>
    caller.get(permissionPath(town, permission), options),

  /** `answered`: the agent has yet to hear it. */
  answerPermission: (
    town: string,
    permission: string,
    answer: api.PermissionAnswer,
    options?: CallOptions,
  ): Promise<api.Permission> => caller.post(permissionPath(town, permission), answer, options),
});

const permissionPath = (town: string, permission: string): string =>
  `${townPath(town)}/permissions/${encodeURIComponent(permission)}`;
