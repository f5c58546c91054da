/** Process groups of agents, and what has left its group: each process of an incarnation carries its mark in its environment. */
import { readFileSync, readdirSync } from 'node:fs';

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
