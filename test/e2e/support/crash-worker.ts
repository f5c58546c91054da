/** Ends the runtime of the Worker as a crash would. wrangler starts it anew; its proxy, a runtime too, listens on the port and stays. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** In /proc/net/tcp. */
const LISTENING = '0A';

/** Process ids of the runtimes that were ended: one, in a stack that works. Linux only. */
export function crashWorker(port: number): number[] {
  const sockets = socketsListeningOn(port);
  const runtimes = descendantsOf(process.pid).filter((pid) => nameOf(pid) === 'workerd');
  const workers = runtimes.filter((pid) => !socketsOf(pid).some((socket) => sockets.has(socket)));
  for (const pid of workers) process.kill(pid, 'SIGKILL');
  return workers;
}

/** Memory of all runtimes below this process that is in use, in MiB. */
export function runtimeMemoryMib(): number {
  const runtimes = descendantsOf(process.pid).filter((pid) => nameOf(pid) === 'workerd');
  const pages = runtimes.map((pid) => Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]));
  return Math.round((pages.reduce((sum, count) => sum + count, 0) * 4096) / 2 ** 20);
}

function socketsListeningOn(port: number): Set<string> {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
  const found = rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(`:${hex}`) === true && state === LISTENING);
  return new Set(found.map((columns) => `socket:[${columns[9] ?? ''}]`));
}

function socketsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      // It was closed in the meantime.
      return [];
    }
  });
}

const nameOf = (pid: number): string => readFileSync(`/proc/${pid}/comm`, 'utf8').trim();

function descendantsOf(root: number): number[] {
  const children = (pid: number): number[] =>
    readdirSync(`/proc/${pid}/task`).flatMap((task) => {
      const text = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim();
      return text === '' ? [] : text.split(' ').map(Number);
    });
  return children(root).flatMap((pid) => [pid, ...descendantsOf(pid)]);
}
