/** The guard's own program; see guard.ts. Ends with its standard input, once what it has to end is gone. */
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { GUARD_LINE } from './guard.ts';
import { processesWith } from './holder.ts';
import { signalGroup } from './process-group.ts';
import { lockFile } from './state-dir.ts';

/** What is left has this long (ms) after SIGTERM: the person who killed the command may want to start the next one. */
const GRACE_MS = 4000;
const POLL_MS = 50;
/** The one before this one lets go of the lock when it ends. */
const LOCK_WAIT_MS = 5000;

const [lock] = process.argv.slice(2);
// Held until this process ends.
const held = lock === undefined ? null : lockFile(lock, LOCK_WAIT_MS);

const groups = new Set<string>();
const folders = new Set<string>();

for await (const line of createInterface(process.stdin)) {
  const [, sign, kind, value = ''] = GUARD_LINE.exec(line) ?? [];
  const entries: Set<string> = kind === 'group' ? groups : folders;
  if (sign === '+') entries.add(value);
  else entries.delete(value);
}

const leaders = [...groups].map(Number);
for (const leader of leaders) signalGroup(leader, 'SIGTERM');
const until = Date.now() + GRACE_MS;
while (Date.now() < until && leaders.some((leader) => signalGroup(leader, 0))) {
  await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
for (const leader of leaders) signalGroup(leader, 'SIGKILL');
// What began in the moment of the command's end is not in the lists; it works in one of the folders, and its arguments say so.
for (const folder of folders) for (const pid of processesWith(`${folder}/`)) signalGroup(pid, 'SIGKILL');
// What was killed may have been writing there until now.
for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
held?.close();
