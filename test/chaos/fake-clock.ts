/** Gives a process another clock, without its knowledge: libfaketime, where this machine has it (Debian's package is `faketime`). */
import { existsSync, globSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const LIBRARY = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')[0] ?? null;
export const canStepClocks = LIBRARY !== null;

/** Where the library keeps what the threads of a process share, in files with the number of the process. */
const SHARED = '/dev/shm';
const FILES = '{faketime_shm_,sem.faketime_sem_}*';

/**
 * Variables of a process whose clock `file` sets, which is read anew each second. What counts the time that has passed stays true, as
 * where a system's clock is set. None where clocks cannot be stepped.
 */
export function fakeClock(file: string): Record<string, string> {
  if (LIBRARY === null) return {};
  return {
    LD_PRELOAD: LIBRARY,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_CACHE_DURATION: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
}

/** Takes away what processes that were killed have left: another one with the same number could not start. */
export function clearFakeClocks(folder = SHARED): void {
  for (const name of globSync(FILES, { cwd: folder })) {
    const pid = /\d+$/.exec(name)?.[0];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(folder, name), { force: true });
  }
}
