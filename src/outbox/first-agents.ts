import type { AgentId } from '#protocol';

/** Whose rows these are, each agent once, in the order of its first row; no more rows are read than that takes. */
export function firstAgents(rows: Iterable<{ readonly agent: AgentId }>, limit: number): AgentId[] {
  const agents = new Set<AgentId>();
  for (const { agent } of rows) {
    agents.add(agent);
    if (agents.size >= limit) break;
  }
  return [...agents];
}
