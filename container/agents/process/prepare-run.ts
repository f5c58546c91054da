import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { AgentUsers, type UserRange } from '../users/agent-users.ts';
import type { AccountFiles } from '../users/account-files.ts';
import { mayUse } from '../users/may-use.ts';
import { BUILT_IN } from './launch-order.ts';
import { isInUse, makeRunFolder, removeLeftRuns } from './run-folder.ts';
import { errorCode } from '../../lib/error-code.ts';

interface RunParts {
  readonly stateDir: string;
  /** Null: all agents run as the control server's user. */
  readonly range: UserRange | null;
  readonly isRoot: boolean;
  readonly files: AccountFiles;
  readonly clock: Clock;
  readonly log: Log;
}

/** Where the agents of this run live, or one line for the operator. */
export type PreparedRun =
  | { readonly ok: true; readonly stateDir: string; readonly users: AgentUsers | null }
  | { readonly ok: false; readonly error: string };

/**
 * Makes ready for agents: a folder of this run, and a system without what runs that were killed have left in it: processes, users,
 * homes and tokens. Never rejects.
 */
export async function prepareRun(parts: RunParts): Promise<PreparedRun> {
  const { range, clock, log, files } = parts;
  const stateDir = resolve(parts.stateDir);
  const refuse = (error: string): PreparedRun => ({ ok: false, error });
  const refusal = range === null ? null : whyNoUsers(stateDir, parts.isRoot);
  if (refusal !== null) return refuse(refusal);
  let folder: string;
  try {
    folder = makeRunFolder(stateDir, range !== null);
  } catch (thrown) {
    return refuse(`AGENT_STATE_DIR cannot be used: ${codeOf(thrown)}`);
  }
  const users = range === null ? null : new AgentUsers({ files, range, clock });
  if (range !== null && users !== null) {
    const firstUser = { uid: range.first, gid: range.first };
    if (!mayUse(folder, firstUser))
      return refuse('AGENT_STATE_DIR must be where all users may enter, with AGENT_USERS');
    for (const path of [process.execPath, dirname(BUILT_IN)]) {
      if (!mayUse(path, firstUser)) log.warn('built_in_agent_closed', { path });
    }
    try {
      await users.reclaim(isInUse);
    } catch (thrown) {
      return refuse(`AGENT_USERS: the users of this system cannot be changed: ${codeOf(thrown)}`);
    }
  }
  const left = await removeLeftRuns(stateDir);
  if (left > 0) log.warn('runs_left', { failures: left });
  return { ok: true, stateDir: folder, users };
}

function whyNoUsers(stateDir: string, isRoot: boolean): string | null {
  if (!isRoot) return 'AGENT_USERS needs a control server that runs as root';
  if (!existsSync('/proc/self/status')) return 'AGENT_USERS needs a system with /proc';
  if (/[:\r\n]/.test(stateDir)) return 'AGENT_STATE_DIR must not contain a colon or a line break, with AGENT_USERS';
  return null;
}

const codeOf = (thrown: unknown): string => errorCode(thrown) ?? (thrown instanceof Error ? thrown.name : 'unknown');
