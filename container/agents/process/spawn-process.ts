/** Starts agents as processes of their own: what a runtime says, or the built-in agent. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentId } from '#protocol';
import { base64url } from '#lib/secret.ts';
import type { Platform } from '../../lib/platform.ts';
import { RecentMap } from '../../lib/recent-map.ts';
import { ToolServer } from '../../tools/tool-server.ts';
import type { AgentLaunch, AgentProcess, Spawn } from '../agent-process.ts';
import { Permissions } from '../permissions.ts';
import { AcpProcess } from './acp-process.ts';
import { AcpSession } from './acp-session.ts';
import { AgentChild } from './child.ts';
import { environmentOf, homeOf, type ProcessSettings } from './environment.ts';
import { checkDirectory, findCommand } from './find-command.ts';
import { OrphanGuard } from './orphan-guard.ts';
import { StartQueue } from './start-queue.ts';
import { StderrTail, scrub } from './stderr-tail.ts';

export interface SpawnSettings extends ProcessSettings {
  readonly startTimeoutMs: number;
  readonly permissionMs: number;
}

type SpawnPlatform = Pick<Platform, 'clock' | 'log' | 'randomBytes'>;

/** Agents in their handshake at once. */
const STARTS_AT_ONCE = 4;
/** Sessions that agents may take up again when they start anew here. */
const REMEMBERED_SESSIONS = 1_000;
const MARK_BYTES = 16;
const BUILT_IN = join(import.meta.dirname, '../built-in/main.ts');

/** A session is taken up by the same command in the same place only. */
interface KnownSession {
  readonly id: string;
  readonly command: string;
}

/** How a control server starts its agents. All of them share one tool server, one guard and one queue of starts. */
export function processSpawn(platform: SpawnPlatform, settings: SpawnSettings): Spawn {
  const starts = new StartQueue(platform.clock, settings.startTimeoutMs, STARTS_AT_ONCE);
  const shared: Shared = {
    platform,
    settings,
    starts,
    guard: new OrphanGuard(),
    tools: new ToolServer(platform),
    sessions: new RecentMap<AgentId, KnownSession>(REMEMBERED_SESSIONS),
  };
  return (launch, life) => start(shared, launch, life);
}

interface Shared {
  readonly platform: SpawnPlatform;
  readonly settings: SpawnSettings;
  readonly starts: StartQueue;
  readonly guard: OrphanGuard;
  readonly tools: ToolServer;
  readonly sessions: RecentMap<AgentId, KnownSession>;
}

async function start(shared: Shared, launch: AgentLaunch, life: AbortSignal): Promise<AgentProcess> {
  const { platform, settings, guard } = shared;
  const { clock, randomBytes } = platform;
  const home = homeOf(settings, launch);
  const { command, args, cwd } = commandOf(launch, home);
  checkDirectory(cwd);
  const mark = base64url(Uint8Array.from(randomBytes(MARK_BYTES)));
  const env = environmentOf(launch, home, settings, mark);
  const file = findCommand(command, env.PATH, cwd);
  const secrets = Object.values(launch.runtime?.secrets ?? {});
  const tail = new StderrTail(secrets);
  const oomBefore = oomKills();
  let session: AcpSession | null = null;
  const { agent, inc, town } = launch;
  const tools = await shared.tools.open({ agent, inc, town, turn: () => session?.toolTurn ?? null });
  try {
    life.throwIfAborted();
    const child = await AgentChild.start({ file, args, argv0: command, cwd, env, mark }, tail, guard, clock);
    const { input, output } = child;
    const policy = launch.runtime?.permissions ?? 'ask';
    const { townNowMs } = launch;
    const permissions = new Permissions({ policy, clock, randomBytes, townNowMs, deadlineMs: settings.permissionMs });
    const mcpServers = tools.servers.map((server) => ({ ...server, headers: [...server.headers] }));
    session = new AcpSession({
      input,
      output,
      launch,
      cwd,
      mcpServers,
      permissions,
      clock,
      scrub: (text) => scrub(text, secrets),
    });
    const line = [file, ...args, cwd].join('\0');
    const known = shared.sessions.get(agent);
    const process = new AcpProcess({
      child,
      session,
      tools,
      tail,
      permissions,
      clock,
      starts: shared.starts,
      known: known?.command === line ? known.id : null,
      onSession: (id) => shared.sessions.set(agent, { id, command: line }),
      isOutOfMemory: () => oomKills() > oomBefore,
    });
    if (life.aborted) await process.stop();
    life.throwIfAborted();
    return process;
  } catch (thrown) {
    await tools.close();
    throw thrown;
  }
}

function commandOf({ runtime }: AgentLaunch, home: string) {
  if (runtime === null) return { command: process.execPath, args: [BUILT_IN], cwd: home };
  return { command: runtime.command, args: runtime.args, cwd: runtime.cwd ?? home };
}

/** How often the system has killed a process of this container for want of memory; 0 where it does not say. */
function oomKills(): number {
  try {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync('/sys/fs/cgroup/memory.events', 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
