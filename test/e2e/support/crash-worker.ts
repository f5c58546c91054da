/** Ends the runtime of the Worker as a crash would. wrangler starts it anew; its proxy, a runtime too, listens on the port and stays. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { descendantsOf, quietly } from './watch.ts';

/** In /proc/net/tcp. */
const LISTENING = '0A';

/** Process ids of the runtimes that were ended: one, in a stack that works. Linux only. */
export function crashWorker(port: number): number[] {
  const workers = workerRuntimes(port);
  for (const pid of workers) process.kill(pid, 'SIGKILL');
  return workers;
}

/** Process ids of the runtimes below this process in which a Worker lives that is reached at `port`. Linux only. */
export function workerRuntimes(port: number): number[] {
  const sockets = socketsListeningOn(port);
  return runtimes().filter((pid) => !socketsOf(pid).some((socket) => sockets.has(socket)));
}

/** Memory of all runtimes below this process that is in use, in MiB. */
export function runtimeMemoryMib(): number {
  const pages = runtimes().map((pid) => Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]));
  return Math.round((pages.reduce((sum, count) => sum + count, 0) * 4096) / 2 ** 20);
}

/** CPU time that all runtimes below this process have used, in seconds: Linux counts it in hundredths. */
export function runtimeCpuSeconds(): number {
  const ticks = runtimes().map((pid) => {
    // Behind the name, which may hold blanks: state, parent, ..., and as twelfth and thirteenth what user and system took.
    const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
    const [user = 0, system = 0] = fields.split(' ').slice(11, 13).map(Number);
    return user + system;
  });
  return ticks.reduce((sum, count) => sum + count, 0) / 100;
}

/** All that are called so: a process that has just gone is none of them. */
const runtimes = (): number[] =>
  descendantsOf(process.pid)
    .filter((pid) => quietly(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()) === 'workerd')
    .map(Number);

function socketsListeningOn(port: number): Set<string> {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
  const found = rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(`:${hex}`) === true && state === LISTENING);
  return new Set(found.map((columns) => `socket:[${columns[9] ?? ''}]`));
}

const socketsOf = (pid: number): string[] =>
  (quietly(() => readdirSync(`/proc/${pid}/fd`)) ?? []).flatMap((fd) => {
    return quietly(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? [];
  });
