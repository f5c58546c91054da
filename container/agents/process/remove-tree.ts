import { existsSync, readdirSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { runAs, type Ids } from './run-as.ts';

/**
 * Removes a directory that an agent has filled, with the rights of its user (null: the control server's own): a link that is put in
 * the way meanwhile leads nowhere that the user could not remove by itself. By the system's own program, which goes down step by step:
 * an agent can make paths that are too long to be named. Rejects where something is left.
 */
export async function removeTree(user: Ids | null, directory: string): Promise<void> {
  if (!existsSync(directory)) return;
  await runAs(user, '/bin/rm', ['-rf', '--', directory]);
  if (!existsSync(directory)) return;
  if (readdirSync(directory).length > 0) {
    // Caches of some tools are not writable, even for their owner.
    await runAs(user, '/bin/chmod', ['-R', 'u+rwx', '--', directory]);
    await runAs(user, '/bin/rm', ['-rf', '--', directory]);
  }
  // It may lie in one in which the user may not write.
  if (existsSync(directory)) await rmdir(directory);
}
