/**
 * The folder of one run of a control server, in which its agents live. Its name says which process made it, so that the next run
 * tells what a living neighbour uses from what a dead one has left.
 */
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCode } from '../../lib/error-code.ts';
import { removeTree } from './remove-tree.ts';

const NAME = /^run-(\d+)-([0-9a-f]{16})$/;

/** Makes the folder of this run. `isShared`: agents have users of their own, who have to come through. Throws what the system says. */
export function makeRunFolder(stateDir: string, isShared: boolean): string {
  const folder = join(stateDir, `run-${process.pid}-${identityOf(process.pid) ?? ''}`);
  // Folders above it that are there keep their mode: they need not be Reeve's alone.
  mkdirSync(folder, { recursive: true, mode: isShared ? 0o711 : 0o700 });
  if (isShared) chmodSync(folder, 0o711);
  return folder;
}

/** Whether the home of an agent is that of a run that goes on. */
export const isInUse = (home: string): boolean => isRunning(basename(dirname(dirname(home))));

/** Removes what runs have left that are gone. Resolves to how many folders could not be removed; never rejects. */
export async function removeLeftRuns(stateDir: string): Promise<number> {
  const left = readdirSync(stateDir).filter((name) => NAME.test(name) && !isRunning(name));
  // A process that is being killed may still write.
  const options = { recursive: true, force: true, maxRetries: 5, retryDelay: 50 };
  const folders = left.map((name) => join(stateDir, name));
  const gone = await Promise.allSettled(
    folders.map((folder) => rm(folder, options).catch(() => removeTree(null, folder))),
  );
  return gone.filter(({ status }) => status === 'rejected').length;
}

function isRunning(name: string): boolean {
  const [, pid, identity] = NAME.exec(name) ?? [];
  return pid !== undefined && identityOf(Number(pid)) === identity;
}

/** Differs between two processes of the same number, also over a restart of the machine, where there is a `/proc`; null: it is not there. */
function identityOf(pid: number): string | null {
  const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
  try {
    process.kill(pid, 0);
  } catch (thrown) {
    if (errorCode(thrown) !== 'EPERM') return null;
  }
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of a program may hold anything; behind it stand numbers, of which the 20th is when it began.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z') return null;
    return digest(`${boot}${fields[19] ?? ''}`);
  } catch {
    return digest('');
  }
}
