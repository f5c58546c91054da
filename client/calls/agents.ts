/** Agents. `agent` is an id or a name, everywhere. */
import type * as api from '../api-types.ts';
import type { CallOptions, Caller, PageOptions } from '../caller.ts';
import { agentPath, townPath } from './paths.ts';

/** `confirmed`: its process and its key are gone; else its container has yet to say so. */
export type DeletedAgent = api.Agent & { readonly confirmed: boolean };

export const agentCalls = (caller: Caller) => ({
  createAgent: (town: string, agent: api.NewAgent, options?: CallOptions): Promise<api.Agent> =>
    caller.post(`${townPath(town)}/agents`, agent, options),

  listAgents: (town: string, options?: PageOptions): Promise<api.AgentPage> =>
    caller.page(`${townPath(town)}/agents`, options),

  getAgent: (town: string, agent: string, options?: CallOptions): Promise<api.Agent> =>
    caller.get(agentPath(town, agent), options),

  /** What was issued to it and what became of it, and what its calls were refused for. */
  getCredential: (town: string, agent: string, options?: CallOptions): Promise<api.Credential> =>
    caller.get(`${agentPath(town, agent)}/credential`, options),

  updateAgent: (town: string, agent: string, change: api.AgentChange, options?: CallOptions): Promise<api.Agent> =>
    caller.patch(agentPath(town, agent), change, options),

  /** From the answer on its token is refused. By its name it is asked for once: with its end the name is free, and the next may have it. */
  deleteAgent: async (town: string, agent: string, options?: CallOptions): Promise<DeletedAgent> => {
    const path = agentPath(town, agent);
    const repeatable = agent.startsWith('agt_');
    const { status, body } = await caller.call<api.Agent>({ method: 'DELETE', path, repeatable, ...options });
    return { ...body, confirmed: status === 200 };
  },

  startAgent: (town: string, agent: string, options?: CallOptions): Promise<api.Agent> =>
    caller.post(`${agentPath(town, agent)}/start`, undefined, options),

  stopAgent: (town: string, agent: string, options?: CallOptions): Promise<api.Agent> =>
    caller.post(`${agentPath(town, agent)}/stop`, undefined, options),

  /** Its tokens are refused until a person starts it. */
  revokeAgent: (town: string, agent: string, options?: CallOptions): Promise<api.Agent> =>
    caller.post(`${agentPath(town, agent)}/revoke`, undefined, options),

  refreshAgent: (
    town: string,
    agent: string,
    refresh: api.Refresh = {},
    options?: CallOptions,
  ): Promise<api.SweepReport> => caller.post(`${agentPath(town, agent)}/refresh`, refresh, options),

  /** Ends the turn that it is in; it goes on with its next message. */
  interruptAgent: (town: string, agent: string, options?: CallOptions): Promise<api.Agent> =>
    caller.post(`${agentPath(town, agent)}/interrupt`, undefined, options),

  listPresets: (options?: CallOptions): Promise<api.PresetList> => caller.get('/v1/presets', options),
});
