/**
 * Where an agent lives on the disk: a folder that only its user may enter, in which it cannot write; in it its token, where it asks
 * for one, and its home. Whatever rights an agent gives away in its home, no other agent comes as far.
 */
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentId } from '#protocol';
import type { AgentUser } from '../users/agent-users.ts';
import { removeTree } from './remove-tree.ts';
import { runAs } from './run-as.ts';

export interface Place {
  /** Holds the token. */
  readonly folder: string;
  readonly home: string;
}

export function placeOf(stateDir: string, agent: AgentId): Place {
  const folder = join(stateDir, agent);
  return { folder, home: join(folder, 'home') };
}

/** Makes what is missing. `user`: whose home it is; null: the control server's own. Throws what the system says. */
export function makePlace({ folder, home }: Place, user: AgentUser | null): void {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  if (user === null) return;
  // The owner first: for a moment fewer have access than may, never more.
  chownSync(folder, 0, user.gid);
  chmodSync(folder, 0o710);
  chownSync(home, user.uid, user.gid);
}

/** Removes it all. Whatever runs as the user is gone by then. Resolves to whether nothing is left; never rejects. */
export async function removePlace(place: Place, user: AgentUser | null): Promise<boolean> {
  if (!(await emptyPlace(place, user))) return false;
  return rm(place.folder, { recursive: true, force: true }).then(
    () => true,
    () => false,
  );
}

/** Removes what the agent has on the disk: its home, and what its user has elsewhere. Resolves to whether it is gone; never rejects. */
export async function emptyPlace({ home }: Place, user: AgentUser | null): Promise<boolean> {
  try {
    await removeTree(user, home);
  } catch {
    return false;
  }
  return user === null || removeElsewhere(user);
}

/** Places of a system in which every user may write. */
const PUBLIC_FOLDERS = ['/tmp', '/var/tmp', '/dev/shm'];
/** Names that one command line has room for: a name has 255 bytes, and a command line 128 KiB on the strictest system. */
const REMOVED_AT_ONCE = 400;

/** What a user has in the public folders of the system. */
export function filesElsewhere(uid: number): string[] {
  return PUBLIC_FOLDERS.flatMap((folder) => {
    try {
      return readdirSync(folder)
        .map((name) => join(folder, name))
        .filter((path) => ownerOf(path) === uid);
    } catch {
      return []; // A system without it.
    }
  });
}

function ownerOf(path: string): number | null {
  try {
    return lstatSync(path).uid;
  } catch {
    return null; // It went meanwhile.
  }
}

async function removeElsewhere(user: AgentUser): Promise<boolean> {
  const files = filesElsewhere(user.uid);
  for (let from = 0; from < files.length; from += REMOVED_AT_ONCE)
    await runAs(user, '/bin/rm', ['-rf', '--', ...files.slice(from, from + REMOVED_AT_ONCE)]);
  return filesElsewhere(user.uid).length === 0;
}
