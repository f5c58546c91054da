import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';

/** As many links as the system follows. */
const MAX_LINKS = 40;

interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Whether a user that is in no other group may enter this directory, or execute this file: everything on the way to it lets the user
 * through, links followed. By owner, group and mode; access control lists are not looked at. False where it is not there.
 */
export function mayUse(path: string, user: Ids): boolean {
  try {
    return walk(path, user);
  } catch {
    return false;
  }
}

function walk(path: string, user: Ids): boolean {
  const rest = path.split('/');
  let at = '/';
  let links = 0;
  if (!permits(lstatSync(at), user)) return false;
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    if (part === '' || part === '.') continue;
    const next = part === '..' ? dirname(at) : join(at, part);
    const found = lstatSync(next);
    if (found.isSymbolicLink()) {
      links += 1;
      if (links > MAX_LINKS) return false;
      const target = readlinkSync(next);
      rest.unshift(...target.split('/'));
      if (target.startsWith('/')) at = '/';
      continue;
    }
    if (!permits(found, user)) return false;
    at = next;
  }
  return true;
}

/** The first that fits decides, as it does for the system: an owner has no rights of the group. */
function permits({ mode, uid, gid }: Stats, user: Ids): boolean {
  if (uid === user.uid) return (mode & 0o100) !== 0;
  return (mode & (gid === user.gid ? 0o010 : 0o001)) !== 0;
}
