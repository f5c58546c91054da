/** Who it is that holds something which is wanted here, for the line that says so. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { quoted } from './quoted.ts';

/** In /proc/net/tcp. */
const LISTENING = '0A';
/** Of a command line, enough to know it again. */
const MAX_COMMAND_CHARS = 80;

/** `process 123 ("node scripts/start.ts")`; without the command where the system does not tell. */
export function processName(pid: number): string {
  const command = textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
  return command === '' ? `process ${pid}` : `process ${pid} (${quoted(command.slice(0, MAX_COMMAND_CHARS))})`;
}

/** The process that listens on a loopback port; null where the system does not tell (Linux does, of processes of one's own). */
export function listenerOn(port: number): string | null {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const rows = ['tcp', 'tcp6'].flatMap((table) => textOf(`/proc/net/${table}`).split('\n').slice(1));
  const sockets = rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(`:${hex}`) === true && state === LISTENING)
    .map((columns) => `socket:[${columns[9] ?? ''}]`);
  const pid = allProcesses().find((entry) => {
    return entriesOf(`/proc/${entry}/fd`).some((fd) => sockets.includes(linkOf(`/proc/${entry}/fd/${fd}`)));
  });
  return pid === undefined ? null : processName(pid);
}

/** Processes that have this text in their arguments, but for this one; none where the system does not tell. */
export function processesWith(text: string): number[] {
  return allProcesses().filter((pid) => pid !== process.pid && textOf(`/proc/${pid}/cmdline`).includes(text));
}

const allProcesses = (): number[] =>
  entriesOf('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);

const textOf = (path: string): string => readable(() => readFileSync(path, 'utf8'), '');
const entriesOf = (path: string): string[] => readable(() => readdirSync(path), []);
const linkOf = (path: string): string => readable(() => readlinkSync(path), '');

/** What cannot be read belongs to another user, is gone already, or is not shown by this system. */
function readable<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
