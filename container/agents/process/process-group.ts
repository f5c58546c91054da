/** Process groups of agents, and what has left its group: each process of an incarnation carries its mark in its environment. */
import { readFileSync, readdirSync } from 'node:fs';
import { runAs } from './run-as.ts';

/** Sends a signal to every process of a group; 0 only asks. Returns whether there is one left. */
export function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  return send(-leader, signal);
}

/** The name of the variable that marks the processes of one incarnation. */
export const MARK_NAME = 'REEVE_MARK';

/** Kills every process that carries the mark, whatever group or session it has made for itself. Only where there is a `/proc`. */
export function killMarked(marks: readonly string[]): void {
  if (marks.length === 0) return;
  const entries = marks.map((mark) => `${MARK_NAME}=${mark}`);
  for (const pid of processIds()) {
    const environment = environmentOf(pid);
    if (entries.some((entry) => environment.includes(entry))) send(pid, 'SIGKILL');
  }
}

/** Processes of a user, also those that took its rights off or put a user's on: any of their four numbers is its own. */
export function userProcesses(uid: number): number[] {
  return processIds().filter((pid) => usersOf(pid).includes(uid));
}

/** Every user as whom something runs. */
export function usersOfProcesses(): ReadonlySet<number> {
  return new Set(processIds().flatMap(usersOf));
}

/** A kill is over within milliseconds; one of the user's processes may stop it (ms). */
const KILL_MS = 1_000;
/** One of the user's processes may kill the kill. */
const KILL_TRIES = 5;

/**
 * Kills all that runs as a user; resolves to whether nothing can have been missed. Never rejects. A list of processes is old before
 * it is read: a process that forks and ends, over and over, is in none of them. So the system itself is asked to kill whatever the
 * user may kill, in which no fork gets away; after it the list, for what carries the user's number without its rights.
 */
export async function killUser(uid: number): Promise<boolean> {
  for (let tries = 0; tries < KILL_TRIES; tries += 1) {
    const isAsked = await runAs({ uid, gid: uid }, '/bin/sh', ['-c', 'kill -KILL -1'], KILL_MS);
    for (const pid of userProcesses(uid)) send(pid, 'SIGKILL');
    if (isAsked) return true;
  }
  return false;
}

function send(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(target, signal);
    return true;
  } catch {
    return false; // It is gone, or another user's: nothing of it is ours.
  }
}

function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => pid !== process.pid);
  } catch {
    return []; // A system without /proc.
  }
}

function environmentOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return []; // It ended meanwhile, or is another user's.
  }
}

/** Real, effective, saved and file system user; none of one that is dead and only waits to be asked for its exit. */
function usersOf(pid: number): readonly number[] {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    // A process whose first thread ended looks dead too while others run.
    if (/^State:\s+[ZX]/m.test(status) && !/^Threads:\s+([2-9]|\d\d)/m.test(status)) return [];
    return (/^Uid:\s+(.*)$/m.exec(status)?.[1] ?? '').split(/\s+/).map(Number);
  } catch {
    return []; // It ended meanwhile.
  }
}
