import { spawn, type StdioOptions } from 'node:child_process';
import { join } from 'node:path';
import { isWorkerVariable } from '#lib/variables.ts';
import { ROOT, WRANGLER } from './programs.ts';

/**
 * Runs the pinned wrangler, as the person who is signed in here, and resolves to its exit code. `ending` ends it first, so that who
 * waits for it can clear up: secrets' files are removed afterwards. After `ending` nothing is started, which is code 1.
 */
export function runWrangler(args: readonly string[], stdio: StdioOptions, ending: AbortSignal): Promise<number> {
  if (ending.aborted) return Promise.resolve(1);
  const env = { ...process.env };
  // They travel in a file, where at all; what a child process does not need, it does not get.
  for (const name of Object.keys(env).filter(isWorkerVariable)) delete env[name];
  if (args.includes('--dry-run')) env['WRANGLER_SEND_METRICS'] = 'false';
  const program = [WRANGLER, ...args, '--config', join(ROOT, 'wrangler.toml')];
  const child = spawn(process.execPath, program, { env, cwd: ROOT, stdio });
  const end = (): void => void child.kill('SIGTERM');
  ending.addEventListener('abort', end, { once: true });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      ending.removeEventListener('abort', end);
      // wrangler may end with 0 on a signal: what was interrupted did not succeed.
      resolve(ending.aborted ? 1 : (code ?? 1));
    });
  });
}
