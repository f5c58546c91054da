import type { AgentId, Role, Scope, Runtime } from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import { isWithinRole } from '../../roster/agent.ts';
import type { TownPorts } from '../ports.ts';

/** What is left out stays as it is. */
export interface AgentChange {
  readonly role?: Role | undefined;
  readonly scopes?: readonly Scope[] | undefined;
  /** Null: the built-in agent. */
  readonly runtime?: Runtime | null | undefined;
}

/** `beyond_role`: the scopes that the agent would have are more than its role may have; nothing is changed (W-30). */
export type ChangeRefusal = 'not_found' | 'agent_retired' | 'beyond_role';

/**
 * Changes what an agent may do. A scope that is taken away is refused from here on, also to tokens that name it; one that is
 * given comes with the next token, and the role with the next start. Scopes never follow a role by themselves: a new role
 * widens nothing, and one that allows less is refused until fewer scopes come with it. The same again changes nothing.
 */
export function changeAgent(p: TownPorts, idOrName: string, change: AgentChange): Result<AgentId, ChangeRefusal> {
  return p.transaction(() => {
    const agent = p.agents.find(idOrName);
    if (agent === null) return err('not_found');
    if (agent.state === 'retired') return err('agent_retired');
    const role = change.role ?? agent.role;
    const scopes = [...new Set(change.scopes ?? agent.scopes)];
    if (!isWithinRole(role, scopes)) return err('beyond_role');
    const runtime = change.runtime === undefined ? undefined : changedRuntime(p, agent.id, change.runtime);
    if (runtime === undefined && role === agent.role && scopes.join(' ') === agent.scopes.join(' '))
      return ok(agent.id);
    p.agents.change(agent.id, role, scopes);
    if (runtime !== undefined) p.runtimes.set(agent.id, runtime);
    p.events.append(
      'reeve.agent.changed',
      agent.id,
      { role, scopes, ...(runtime === undefined ? {} : { command: runtime?.command ?? null }) },
      p.clock.now(),
    );
    return ok(agent.id);
  });
}

/** Undefined where it is the one that is stored. */
function changedRuntime(p: TownPorts, agent: AgentId, wanted: Runtime | null): Runtime | null | undefined {
  return JSON.stringify(p.runtimes.get(agent).runtime) === JSON.stringify(wanted) ? undefined : wanted;
}
