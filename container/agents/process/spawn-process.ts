/** Starts agents as processes of their own: what a runtime says, or the built-in agent. */
import { readFileSync } from 'node:fs';
import { fenceMark, type AgentId } from '#protocol';
import type { ClientRegistry } from '../../clients/registry.ts';
import { isWorthALine, type Log } from '../../lib/log.ts';
import type { Platform } from '../../lib/platform.ts';
import { RecentMap } from '../../lib/recent-map.ts';
import { ToolServer, type OpenTools } from '../../tools/tool-server.ts';
import type { AgentLaunch, AgentProcess, Spawn } from '../agent-process.ts';
import { Permissions } from '../permissions.ts';
import type { AgentUser, AgentUsers } from '../users/agent-users.ts';
import { AcpProcess } from './acp-process.ts';
import { AcpSession } from './acp-session.ts';
import { AgentChild } from './child.ts';
import { diskUse } from './disk-use.ts';
import { overBudget } from './disk-watch.ts';
import type { ProcessSettings } from './environment.ts';
import { orderOf, secretsOf } from './launch-order.ts';
import { OrphanGuard } from './orphan-guard.ts';
import { emptyPlace, filesElsewhere, placeOf, removePlace } from './place.ts';
import { removeTree } from './remove-tree.ts';
import { StartQueue } from './start-queue.ts';
import { StderrTail, scrub } from './stderr-tail.ts';

export interface SpawnSettings extends ProcessSettings {
  readonly startTimeoutMs: number;
  readonly permissionMs: number;
  /** What an agent may have on the disk; 0: any amount. */
  readonly diskBytes: number;
  /** Where agents have users of their own; null: all run as the control server's. */
  readonly users: AgentUsers | null;
}

type SpawnPlatform = Pick<Platform, 'clock' | 'log' | 'randomBytes'>;

/** Agents in their handshake at once. */
const STARTS_AT_ONCE = 4;
/** Sessions that agents may take up again when they start anew here. */
const REMEMBERED_SESSIONS = 1_000;
const MIB = 1024 * 1024;

/** A session is taken up by the same command in the same place only. */
interface KnownSession {
  readonly id: string;
  readonly command: string;
}

/** Agents of one control server. */
export interface AgentProcesses {
  readonly spawn: Spawn;
  /** Removes the files, the user and the session of an agent that does not come back. Never rejects. */
  readonly forget: (agent: AgentId) => Promise<void>;
  /** Removes all users and files, when no agent runs. Never rejects. */
  readonly close: () => Promise<void>;
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
    forget: (agent) => forget(shared, [agent]),
    close: async () => {
      await forget(shared, settings.users?.agents ?? []);
      await removeTree(null, settings.stateDir).catch(() => warnOfLeft(shared, 'all'));
    },
  };
}

/** The user goes last, so that its number is never given to another agent while something of the first is left. */
async function forget(shared: Shared, agents: readonly AgentId[]): Promise<void> {
  const { sessions, settings } = shared;
  const cleared = await Promise.all(
    agents.map(async (agent) => {
      sessions.delete(agent);
      const user = settings.users?.peek(agent) ?? null;
      const isQuiet = user === null || (await settings.users?.kill(user)) === true;
      const isClear = isQuiet && (await removePlace(placeOf(settings.stateDir, agent), user));
      if (!isClear) warnOfLeft(shared, agent);
      return isClear ? [agent] : [];
    }),
  );
  await settings.users?.release(cleared.flat()).catch(() => warnOfLeft(shared, 'users'));
}

const warnOfLeft = ({ platform }: Shared, agent: string): void => platform.log.warn('agent_files_left', { agent });

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
  const order = await orderOf(shared, launch);
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
      ...diskOf(shared, launch.agent, order.user),
    });
    if (life.aborted) await process.stop();
    life.throwIfAborted();
    return process;
  } catch (thrown) {
    await tools.close();
    throw thrown;
  }
}

/** How its room on the disk is measured, and freed: what its home and the public folders of the system hold of it. */
function diskOf({ platform: { clock, log }, settings, sessions }: Shared, agent: AgentId, user: AgentUser | null) {
  const place = placeOf(settings.stateDir, agent);
  const { diskBytes: budgetBytes } = settings;
  const elsewhere = (): string[] => (user === null ? [] : filesElsewhere(user.uid));
  const measure = (): Promise<number> => diskUse([place.home, ...elsewhere()]);
  return {
    diskFull: async (life: AbortSignal) => {
      if (budgetBytes === 0) return null;
      const bytes = await overBudget({ clock, life, budgetBytes, measure });
      if (bytes === null) return null;
      const used = Number.isFinite(bytes) ? `${Math.ceil(bytes / MIB)} MiB` : 'too many files, or too deep ones,';
      return `it had ${used} on the disk, more than its ${budgetBytes / MIB} MiB`;
    },
    clearDisk: async () => {
      sessions.delete(agent);
      if (!(await emptyPlace(place, user))) log.warn('agent_files_left', { agent });
    },
  };
}

function permissionsOf({ platform: { clock, randomBytes }, settings }: Shared, launch: AgentLaunch): Permissions {
  const policy = launch.runtime?.permissions ?? 'ask';
  const { townNowMs } = launch;
  return new Permissions({ policy, clock, randomBytes, townNowMs, deadlineMs: settings.permissionMs });
}

/** Says that an agent wrote what cannot be read, ever more rarely: it may write nothing else. */
function unreadable(log: Log, { agent, inc }: AgentLaunch): () => void {
  let count = 0;
  return () => {
    count += 1;
    if (isWorthALine(count)) log.warn('agent_update_unreadable', { agent, inc, count });
  };
}

function sessionOf(
  { log, randomBytes }: SpawnPlatform,
  launch: AgentLaunch,
  cwd: string,
  { input, output }: AgentChild,
  { servers }: OpenTools,
  permissions: Permissions,
): AcpSession {
  const mcpServers = servers.map((server) => ({ ...server, headers: [...server.headers] }));
  const secrets = secretsOf(launch);
  return new AcpSession({
    drawMark: () => fenceMark(randomBytes),
    input,
    output,
    launch,
    cwd,
    mcpServers,
    permissions,
    onUnreadable: unreadable(log, launch),
    scrub: (text) => scrub(text, secrets),
  });
}

/** How often the system has killed a process of this container for want of memory; 0 where it does not say. */
function oomKills(): number {
  try {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync('/sys/fs/cgroup/memory.events', 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
