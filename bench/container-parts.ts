import { dirname } from 'node:path';
import { agentProcesses, type AgentProcesses } from '../container/agents/process/spawn-process.ts';
import { sharedRegistry } from '../container/clients/registry.ts';
import { parseConfig, type Config } from '../container/config.ts';
import type { Clock } from '../container/lib/clock.ts';
import { consoleSink, createLog, type Log } from '../container/lib/log.ts';
import { randomBytes } from '#lib/secret.ts';

/** What the container programs of the benchmarks have in common. */
export interface ContainerParts {
  readonly config: Config;
  readonly clock: Clock;
  /** Of what goes wrong, and of nothing else. */
  readonly log: Log;
  /** Agents with processes of their own, as the product starts them. */
  readonly agents: AgentProcesses;
}

const clock: Clock = {
  wallMs: () => Date.now(),
  monoMs: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms).unref();
    return () => clearTimeout(timer);
  },
};

/** Of this process and its environment. Throws where the configuration is refused. */
export function containerParts(): ContainerParts {
  const parsed = parseConfig(process.env);
  if (!parsed.ok) throw new Error(parsed.error);
  const { config } = parsed;
  const log = createLog(clock, (level, line) => (level === 'info' ? undefined : consoleSink(level, line)));
  const settings = {
    stateDir: config.agentStateDir,
    path: dirname(process.execPath),
    apiUrl: config.apiUrl,
    startTimeoutMs: config.agentStartMs,
    permissionMs: config.agentPermissionMs,
    diskBytes: config.agentDiskBytes,
    users: null,
  };
  return { config, clock, log, agents: agentProcesses({ clock, log, randomBytes }, settings, sharedRegistry()) };
}
