import { spawn, type ChildProcess } from 'node:child_process';

export interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Runs a program of the system with the rights of a user (null: the control server's own). Resolves at its end, to whether it came to
 * that by itself, whatever its exit code: not where it could not be started, was killed, or took longer than `timeoutMs` (0: as long as
 * it takes). Never rejects.
 */
export function runAs(user: Ids | null, file: string, args: readonly string[], timeoutMs = 0): Promise<boolean> {
  const ending = { timeout: timeoutMs, killSignal: 'SIGKILL' } as const;
  const rights = user === null ? {} : { uid: user.uid, gid: user.gid };
  return new Promise((resolve) => {
    let child: ChildProcess;
    try {
      child = spawn(file, args, { ...rights, cwd: '/', env: {}, stdio: 'ignore', ...ending });
    } catch {
      // Of some errors it does not tell later: more arguments than the system takes is one.
      return resolve(false);
    }
    child.once('error', () => resolve(false));
    child.once('close', (code) => resolve(code !== null));
  });
}
