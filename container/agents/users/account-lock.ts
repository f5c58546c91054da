/** The lock that the tools of the system take before they change `/etc/passwd` or `/etc/group`: `<file>.lock`, with a process id in it. */
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { pause, type Clock } from '../../lib/clock.ts';
import { errorCode } from '../../lib/error-code.ts';

/** A change takes milliseconds; who holds the lock for longer than this (ms) hangs. */
const WAIT_MS = 5_000;
const RETRY_MS = 20;

/** The lock is held by a process that lives. */
export class AccountsLocked extends Error {
  override readonly name = 'AccountsLocked';
}

/** Runs `work` while no other program changes `file`. Rejects with `AccountsLocked` after 5 s, and as `work` does. */
export async function withLock<T>(file: string, clock: Clock, work: () => Promise<T>): Promise<T> {
  const lock = `${file}.lock`;
  const own = aside(file);
  writeFileSync(own, String(process.pid), { mode: 0o600, flag: 'wx' });
  try {
    const untilMs = clock.monoMs() + WAIT_MS;
    while (!take(own, lock)) {
      if (clock.monoMs() > untilMs) throw new AccountsLocked(`${lock} is held by another program`);
      await pause(clock, new AbortController().signal, RETRY_MS);
    }
  } finally {
    rmSync(own, { force: true });
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

const aside = (file: string): string => `${file}.${process.pid}.${randomBytes(6).toString('hex')}`;

/** A link is made whole or not at all: a process that finds the lock finds its holder in it. */
function take(own: string, lock: string): boolean {
  if (link(own, lock)) return true;
  if (isHeld(lock)) return false;
  breakLock(lock);
  return link(own, lock);
}

/** One that was taken anew between the read and the move is put back. */
function breakLock(lock: string): void {
  const taken = aside(lock);
  try {
    renameSync(lock, taken);
  } catch {
    return; // Another one did.
  }
  if (isHeld(taken)) link(taken, lock);
  rmSync(taken, { force: true });
}

function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (thrown) {
    if (errorCode(thrown) === 'EEXIST') return false;
    throw thrown;
  }
}

function isHeld(lock: string): boolean {
  try {
    const pid = Number(readFileSync(lock, 'utf8').replaceAll('\0', '').trim());
    if (!Number.isSafeInteger(pid) || pid < 1) return false;
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return errorCode(thrown) === 'EPERM';
  }
}
