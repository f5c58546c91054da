import { constants, accessSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { StartError } from '../agent-process.ts';
import type { AgentUser } from '../users/agent-users.ts';
import { mayUse } from '../users/may-use.ts';

/**
 * Checks that a process may begin in this directory, as this user (null: the control server's own): a spawn that finds out by itself
 * cannot say so, and enters the directory before it takes on the user. Throws `StartError`.
 */
export function checkDirectory(cwd: string, user: AgentUser | null): void {
  if (isDirectory(cwd) && isUsable(cwd, user)) return;
  throw new StartError('cwd_not_accessible', `${cwd} is no directory that the agent may enter`);
}

/**
 * The file that a command names: as a shell of the user finds it, on `path`, or from `cwd` where it has a slash. Throws `StartError`:
 * where there is none, and where there is one that may not be executed.
 */
export function findCommand(command: string, path: string, cwd: string, user: AgentUser | null): string {
  const places = command.includes('/') ? [resolve(cwd, command)] : path.split(':').map((one) => resolve(one, command));
  const found = places.filter(isFile);
  const executable = found.find((file) => isUsable(file, user));
  if (executable !== undefined) return executable;
  if (found[0] !== undefined) throw new StartError('not_executable', `${found[0]} may not be executed`);
  const where = command.includes('/') ? '' : ` on the path ${path}`;
  throw new StartError('command_not_found', `there is no command ${command}${where}`);
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false; // The next place is looked at.
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // The caller reports it.
  }
}

/** A file may be executed, a directory entered. */
function isUsable(path: string, user: AgentUser | null): boolean {
  if (user !== null) return mayUse(path, user);
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // The caller distinguishes it from one that is not there.
  }
}
