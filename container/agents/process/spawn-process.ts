/** Starts agents as processes of their own: what a runtime says, or the built-in agent. */
import { mkdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fenceMark, type AgentId } from '#protocol';
import { base64url } from '#lib/secret.ts';
import type { ClientRegistry } from '../../clients/registry.ts';
import { CredentialFileError, openCredentialFile, type CredentialFile } from '../../credentials/credential-file.ts';
import type { Platform } from '../../lib/platform.ts';
import { RecentMap } from '../../lib/recent-map.ts';
import { ToolServer, type OpenTools } from '../../tools/tool-server.ts';
import { StartError, type AgentLaunch, type AgentProcess, type Spawn } from '../agent-process.ts';
import { Permissions } from '../permissions.ts';
import { AcpProcess } from './acp-process.ts';
import { AcpSession } from './acp-session.ts';
import { AgentChild, type ChildOrder } from './child.ts';
import { environmentOf, homeOf, tokenFolderOf, type ProcessSettings } from './environment.ts';
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
const MARK_BYTES = 20;
const BUILT_IN = join(import.meta.dirname, '../built-in/main.ts');

/** A session is taken up by the same command in the same place only. */
interface KnownSession {
  readonly id: string;
  readonly command: string;
}

/** Agents of one control server. */
export interface AgentProcesses {
  readonly spawn: Spawn;
  /** Removes the home and the session of an agent that does not come back. Never rejects. */
  readonly forget: (agent: AgentId) => Promise<void>;
}

/** How a control server starts its agents. All of them share one tool server, one guard and one queue of starts. */
export function agentProcesses(
  platform: SpawnPlatform,
  settings: SpawnSettings,
  registry: Pick<ClientRegistry, 'register'>,
): AgentProcesses {
  const starts = new StartQueue(platform.clock, settings.startTimeoutMs, STARTS_AT_ONCE);
  const shared: Shared = {
    platform,
    settings,
    registry,
    starts,
    guard: new OrphanGuard(),
    tools: new ToolServer(platform),
    sessions: new RecentMap<AgentId, KnownSession>(REMEMBERED_SESSIONS),
  };
  return {
    spawn: (launch, life) => start(shared, launch, life),
    forget: async (agent) => {
      shared.sessions.delete(agent);
      const folders = [homeOf(settings, agent), tokenFolderOf(settings, agent)];
      const gone = await Promise.allSettled(folders.map((folder) => rm(folder, { recursive: true, force: true })));
      const left = gone.filter(({ status }) => status === 'rejected').length;
      if (left > 0) platform.log.warn('agent_files_left', { agent, failures: left });
    },
  };
}

interface Shared {
  readonly platform: SpawnPlatform;
  readonly settings: SpawnSettings;
  readonly registry: Pick<ClientRegistry, 'register'>;
  readonly starts: StartQueue;
  readonly guard: OrphanGuard;
  readonly tools: ToolServer;
  readonly sessions: RecentMap<AgentId, KnownSession>;
}

async function start(shared: Shared, launch: AgentLaunch, life: AbortSignal): Promise<AgentProcess> {
  const order = orderOf(shared, launch);
  const tail = new StderrTail(secretsOf(launch));
  const oomBefore = oomKills();
  let session: AcpSession | null = null;
  const { agent, inc, town } = launch;
  const tools = await shared.tools.open({ agent, inc, town, turn: () => session?.toolTurn ?? null });
  try {
    life.throwIfAborted();
    const { clock } = shared.platform;
    const child = await AgentChild.start(order, tail, shared.guard, clock);
    const permissions = permissionsOf(shared, launch);
    session = sessionOf(shared.platform, launch, order.cwd, child, tools, permissions);
    const line = [order.file, ...order.args, order.cwd].join('\0');
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

const secretsOf = ({ runtime }: AgentLaunch): string[] => Object.values(runtime?.secrets ?? {});

/** What is to be started, after all that can be wrong with it was looked at. Throws `StartError`. */
function orderOf(shared: Shared, launch: AgentLaunch): ChildOrder {
  const { settings, platform } = shared;
  const home = homeOf(settings, launch.agent);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const { command, args, cwd } = commandOf(launch, home);
  checkDirectory(cwd);
  const mark = base64url(Uint8Array.from(platform.randomBytes(MARK_BYTES)));
  const env = environmentOf(launch, home, settings, mark, tokenFileOf(shared, launch));
  return { file: findCommand(command, env.PATH, cwd), args, argv0: command, cwd, env, mark };
}

function permissionsOf({ platform: { clock, randomBytes }, settings }: Shared, launch: AgentLaunch): Permissions {
  const policy = launch.runtime?.permissions ?? 'ask';
  const { townNowMs } = launch;
  return new Permissions({ policy, clock, randomBytes, townNowMs, deadlineMs: settings.permissionMs });
}

function sessionOf(
  { clock, randomBytes }: SpawnPlatform,
  launch: AgentLaunch,
  cwd: string,
  { input, output }: AgentChild,
  { servers }: OpenTools,
  permissions: Permissions,
): AcpSession {
  const mcpServers = servers.map((server) => ({ ...server, headers: [...server.headers] }));
  const secrets = secretsOf(launch);
  return new AcpSession({
    drawMark: () => fenceMark(randomBytes(MARK_BYTES)),
    input,
    output,
    launch,
    cwd,
    mcpServers,
    permissions,
    clock,
    scrub: (text) => scrub(text, secrets),
  });
}

/** Its token in a file, where it asks for one; the file goes with its incarnation. */
function tokenFileOf({ settings, registry }: Shared, { agent, inc, runtime }: AgentLaunch): CredentialFile | null {
  if (runtime?.credentials !== 'file') return null;
  const directory = tokenFolderOf(settings, agent);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    return openCredentialFile({ registry, agent, inc, directory, owner: null });
  } catch (thrown) {
    if (thrown instanceof CredentialFileError) throw new StartError('spawn_failed', thrown.message);
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
