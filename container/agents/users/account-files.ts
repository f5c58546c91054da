/** Entries of agents in the files of users and groups. Every other line stays as it is. */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import type { Clock } from '../../lib/clock.ts';
import { withLock } from './account-lock.ts';

export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
}

export const SYSTEM_ACCOUNTS: AccountFiles = { passwd: '/etc/passwd', group: '/etc/group' };

/** A user with a group of the same number, whose name is `reeve-<uid>`. */
export interface Account {
  readonly uid: number;
  /** Absolute, without colon and line break. */
  readonly home: string;
}

/** What the files say. */
export interface Accounts {
  readonly agents: readonly Account[];
  /** Numbers of all users and groups, agents' or not. */
  readonly taken: ReadonlySet<number>;
}

const NAME_PREFIX = 'reeve-';
const NAME = /^reeve-\d+$/;

export const accountName = (uid: number): string => `${NAME_PREFIX}${uid}`;

/**
 * Replaces the agents' entries with what `decide` makes of them, each file as a whole, while no other program changes them. Both are
 * written though nothing is to be changed, so that a file that cannot be written is found out. Rejects with what the system says.
 */
export async function changeAccounts(
  files: AccountFiles,
  clock: Clock,
  decide: (accounts: Accounts) => readonly Account[] | Promise<readonly Account[]>,
): Promise<void> {
  const passwdFile = realpathSync(files.passwd);
  const groupFile = realpathSync(files.group);
  await withLock(passwdFile, clock, () =>
    withLock(groupFile, clock, async () => {
      const passwd = linesOf(passwdFile);
      const group = linesOf(groupFile);
      const agents = await decide({
        agents: passwd.filter(isAgents).map(accountOf),
        taken: new Set([...passwd, ...group].map((line) => Number(line.split(':')[2]))),
      });
      // A user without a group is worse than a group without a user.
      replace(groupFile, [...group.filter(isOthers), ...agents.map(groupLine)]);
      replace(passwdFile, [...passwd.filter(isOthers), ...agents.map(passwdLine)]);
    }),
  );
}

const isAgents = (line: string): boolean => NAME.test(line.split(':')[0] ?? '');
const isOthers = (line: string): boolean => !isAgents(line);

function accountOf(line: string): Account {
  const [, , uid, , , home = ''] = line.split(':');
  return { uid: Number(uid), home };
}

/** No password, so that no one signs in; a shell, because agents run commands in that of their user. */
const passwdLine = ({ uid, home }: Account): string =>
  `${accountName(uid)}:*:${uid}:${uid}:Reeve agent:${home}:/bin/sh`;
const groupLine = ({ uid }: Account): string => `${accountName(uid)}:*:${uid}:`;

const linesOf = (file: string): string[] => readFileSync(file, 'utf8').replace(/\n$/, '').split('\n');

/** A reader finds the old or the new file. Under the lock no other has the temporary one. */
function replace(path: string, lines: readonly string[]): void {
  const temporary = `${path}.reeve`;
  const { mode, uid, gid } = statSync(path);
  rmSync(temporary, { force: true });
  const file = openSync(temporary, 'wx', 0o600);
  try {
    writeFileSync(file, `${lines.join('\n')}\n`);
    fchownSync(file, uid, gid);
    fchmodSync(file, mode & 0o7777);
    fsyncSync(file);
  } catch (thrown) {
    rmSync(temporary, { force: true });
    throw thrown;
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}
