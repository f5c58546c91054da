import type { AgentId, Launch } from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import type { TownPorts } from '../ports.ts';

/**
 * What a start request says of the process: the stored runtime with the values of its secrets, which are read for this start and
 * kept nowhere (null: the built-in agent). An error names the secrets that the deployment does not have.
 */
export function launchOf(p: TownPorts, agent: AgentId): Result<Launch | null, readonly string[]> {
  const { runtime } = p.runtimes.get(agent);
  if (runtime === null) return ok(null);
  const { secrets: names, ...launch } = runtime;
  const values = names.map((name) => [name, p.secret(name)?.reveal()] as const);
  const missing = values.flatMap(([name, value]) => (value === undefined ? [name] : []));
  if (missing.length > 0) return err(missing);
  const secrets = Object.fromEntries(values.map(([name, value]) => [name, value ?? '']));
  return ok({ ...launch, secrets });
}
