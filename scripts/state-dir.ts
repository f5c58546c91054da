/** The folder in which a Reeve on this machine keeps its keys, token, logs and state; one stack at a time works in it. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf } from '#lib/result.ts';
import { writePrivate } from './dev-settings.ts';
import { processName } from './holder.ts';

/** Says that Reeve made this folder, or found it empty. */
export const MARKER = '.reeve-state';
/** Locked by the system for as long as a stack lives, whatever it dies of. */
const LOCK = 'lock';
/** Locked by the guard: what a killed stack left behind is still being ended. */
export const GUARD_LOCK = 'guard';
/** Longer than the guard takes (ms). */
const LEFTOVER_MS = 10_000;
/** Who holds the lock. */
const HOLDER = 'holder';
/** All that a stack ever puts there; nothing else is ever removed. */
const STATE = ['dev.env', 'worker.env', 'auth-header', 'logs', 'worker', 'agents'];
const OWN = [MARKER, LOCK, GUARD_LOCK, HOLDER, ...STATE];

/** `REEVE_STATE_DIR`, where an empty one means the default: `.reeve` here. */
export function stateDirFrom(env: Readonly<Record<string, string | undefined>>): string {
  const given = env['REEVE_STATE_DIR'] ?? '';
  return resolve(given === '' ? '.reeve' : given);
}

/** `refused`: one line that says why, and what to do. */
export type OpenedStateDir = { readonly kind: 'opened'; readonly close: () => void } | { readonly refused: string };

/**
 * Takes a folder into use, made where it is not there, and locks it until `close`. `fresh` forgets what an earlier stack left in
 * it. A folder that holds anything but a Reeve's state is refused, so that no name of a folder makes anything else go.
 */
export function openStateDir(dir: string, fresh: boolean): OpenedStateDir {
  try {
    const refused = unfit(dir);
    if (refused !== null) return { refused };
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    writeFileSync(join(dir, MARKER), 'Made by npm start of Reeve; npm start -- --fresh forgets what is in it.\n');
  } catch (thrown) {
    return { refused: `${dir} cannot be used (${messageOf(thrown)}); set REEVE_STATE_DIR to another folder` };
  }
  const lock = lockFile(join(dir, LOCK), 0);
  if (lock === null)
    return { refused: `${dir} is in use by ${holderIn(dir)}; stop it, or set REEVE_STATE_DIR to another folder` };
  const leftover = lockFile(join(dir, GUARD_LOCK), LEFTOVER_MS);
  if (leftover === null) {
    lock.close();
    return { refused: `what an earlier start left running in ${dir} does not end; look for its processes` };
  }
  leftover.close();
  writePrivate(join(dir, HOLDER), `${process.pid}\n`);
  if (fresh) for (const name of STATE) rmSync(join(dir, name), { recursive: true, force: true });
  return {
    kind: 'opened',
    close: () => {
      rmSync(join(dir, HOLDER), { force: true });
      lock.close();
    },
  };
}

/** Why this folder is none of Reeve's; null: it is, or it is empty, or not there. */
function unfit(dir: string): string | null {
  if (!existsSync(dir)) return null;
  const advice = 'set REEVE_STATE_DIR to an empty folder, or one that is not there';
  if (!statSync(dir).isDirectory()) return `${dir} is no folder; ${advice}`;
  const entries = readdirSync(dir);
  // One from before there was a marker holds keys, and nothing but what a stack puts there.
  const isUnmarked = entries.includes('dev.env') && entries.every((entry) => OWN.includes(entry));
  const isOurs = entries.length === 0 || entries.includes(MARKER) || isUnmarked;
  return isOurs ? null : `${dir} holds things that are not Reeve's; ${advice}`;
}

/** Null: another process has it for `waitMs`. SQLite's lock is one of the system, so that no crash leaves it behind. */
export function lockFile(path: string, waitMs: number): DatabaseSync | null {
  const lock = new DatabaseSync(path, { timeout: waitMs });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (thrown) {
    lock.close();
    if (thrown instanceof Error && thrown.message.includes('locked')) return null;
    throw thrown;
  }
}

function holderIn(dir: string): string {
  const file = join(dir, HOLDER);
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : Number.NaN;
  return Number.isInteger(pid) ? processName(pid) : 'another process';
}
