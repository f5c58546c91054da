/** Towns, what happened in them, and tickets for their streams. */
import type * as api from '../api-types.ts';
import type { CallOptions, Caller, PageOptions } from '../caller.ts';
import { townPath } from './paths.ts';

export interface EventPageOptions extends PageOptions {
  /** `seq` of the last event that is known. */
  readonly after?: number | undefined;
}

export const townCalls = (caller: Caller) => ({
  createTown: (town: api.NewTown, options?: CallOptions): Promise<api.Town> => caller.post('/v1/towns', town, options),

  listTowns: (options?: PageOptions): Promise<api.TownPage> => caller.page('/v1/towns', options),

  getTown: (town: string, options?: CallOptions): Promise<api.Town> => caller.get(townPath(town), options),

  updateTown: (town: string, change: api.TownChange, options?: CallOptions): Promise<api.Town> =>
    caller.patch(townPath(town), change, options),

  /** With all that is in it, for good. `deleting`: a container has yet to confirm. */
  deleteTown: (town: string, options?: CallOptions): Promise<api.DeletedTown> => caller.delete(townPath(town), options),

  getTownHealth: (town: string, options?: CallOptions): Promise<api.Health> =>
    caller.get(`${townPath(town)}/health`, options),

  /** By what the town knows: none is asked, woken or kept awake. */
  listContainers: (town: string, options?: CallOptions): Promise<api.ContainerList> =>
    caller.get(`${townPath(town)}/containers`, options),

  /** Back to an earlier state, with all that is in it. The answer names the state that it leaves. */
  restoreTown: (town: string, restore: api.Restore, options?: CallOptions): Promise<api.RestoreBegun> =>
    caller.post(`${townPath(town)}/restore`, restore, options),

  /** Says that the town's database was put back to an earlier state by other means. */
  markTownRestored: (town: string, options?: CallOptions): Promise<api.Restored> =>
    caller.post(`${townPath(town)}/restored`, undefined, options),

  /** A fresh token for every agent; the answer is what their containers did with it. */
  refreshTown: (town: string, refresh: api.Refresh = {}, options?: CallOptions): Promise<api.SweepReport> =>
    caller.post(`${townPath(town)}/refresh`, refresh, options),

  /** Oldest first. */
  listEvents: (town: string, { after, ...page }: EventPageOptions = {}): Promise<api.EventPage> =>
    caller.page(`${townPath(town)}/events`, page, { after }),

  /** For whoever opens the stream without `follow`. */
  createTicket: (town: string, options?: CallOptions): Promise<api.Ticket> =>
    caller.post(`${townPath(town)}/tickets`, undefined, options),

  listDelegations: (town: string, options?: PageOptions): Promise<api.DelegationPage> =>
    caller.page(`${townPath(town)}/delegations`, options),
});
