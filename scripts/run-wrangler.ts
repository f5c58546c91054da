import { spawn, type StdioOptions } from 'node:child_process';
import { join } from 'node:path';
import { isWorkerVariable } from '#lib/variables.ts';
import { ROOT, WRANGLER } from './programs.ts';

/**
 * Runs the pinned wrangler, as the person who is signed in here, and resolves to its exit code. A signal ends it first, so that who
 * waits for it can clear up: secrets' files are removed afterwards.
 */
export function runWrangler(args: readonly string[], stdio: StdioOptions): Promise<number> {
  const env = { ...process.env };
  // They travel in a file, where at all; what a child process does not need, it does not get.
  for (const name of Object.keys(env).filter(isWorkerVariable)) delete env[name];
  if (args.includes('--dry-run')) env['WRANGLER_SEND_METRICS'] = 'false';
  const program = [WRANGLER, ...args, '--config', join(ROOT, 'wrangler.toml')];
  const child = spawn(process.execPath, program, { env, cwd: ROOT, stdio });
  let interrupted = false;
  const handOn = (signal: NodeJS.Signals): void => {
    interrupted = true;
    child.kill(signal);
  };
  // Handled to the end: npm forwards a second signal, which must not come before what waits has cleared up.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, handOn);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      // wrangler may end with 0 on a signal: what was interrupted did not succeed.
      resolve(interrupted ? 1 : (code ?? 1));
    });
  });
}
