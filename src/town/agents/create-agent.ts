import type { AgentId, Runtime, Role, Scope } from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import type { Agent } from '../../roster/agent.ts';
import { containerForNew } from './place-agent.ts';
import type { TownPorts } from '../ports.ts';

/** An agent as a person asks for it. */
export interface NewAgent {
  /** Drawn by the caller, so that a repeated call makes one agent. */
  readonly id: AgentId;
  readonly name: string;
  readonly role: Role;
  /** Within the role's. */
  readonly scopes: readonly Scope[];
  /** What runs it; null: the built-in agent. */
  readonly runtime: Runtime | null;
}

/**
 * Adds an agent, places it in the first container with room, and plans its first start for now. The same id again returns the
 * agent that is there, as long as it is kept: a repeat comes hours before it could be forgotten. The caller runs `serveAgent`.
 */
export function createAgent(p: TownPorts, agent: NewAgent): Result<Agent, 'name_taken' | 'limit_exceeded'> {
  return p.transaction(() => {
    const known = p.agents.get(agent.id);
    if (known !== null) return ok(known);
    if (p.agents.find(agent.name) !== null) return err('name_taken');
    const container = containerForNew(p);
    if (container === null) return err('limit_exceeded');
    const now = p.clock.now();
    p.agents.add({ ...agent, container, createdAtMs: now }, now);
    if (agent.runtime !== null) p.runtimes.set(agent.id, agent.runtime);
    p.tokens.add(agent.id);
    p.events.append('reeve.agent.created', agent.id, { name: agent.name, role: agent.role }, now);
    const created = p.agents.get(agent.id);
    if (created === null) throw new Error('a created agent is a row');
    return ok(created);
  });
}
