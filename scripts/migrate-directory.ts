/** Brings the local directory (D1) up to its migrations. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from './child.ts';
import type { Guard } from './guard.ts';
import { ROOT, WRANGLER, baseEnv, logTail } from './programs.ts';

export interface MigrateOptions {
  readonly stateDir: string;
  readonly logs: string;
  readonly guard: Guard;
  readonly signal?: AbortSignal;
}

/**
 * Applies what is missing. wrangler takes seconds to find that nothing is, so a mark beside the database says which migrations it
 * has; it goes where the database goes. Rejects with the end of wrangler's log.
 */
export async function migrateDirectory({ stateDir, logs, guard, signal }: MigrateOptions): Promise<void> {
  const state = join(stateDir, 'worker');
  const folder = join(state, 'v3/d1');
  const mark = join(folder, 'reeve-migrations');
  const wanted = migrationsHash();
  if (existsSync(mark) && readFileSync(mark, 'utf8') === wanted) return;
  const config = join(ROOT, 'wrangler.toml');
  const args = ['d1', 'migrations', 'apply', 'DIRECTORY', '--local', '--config', config, '--persist-to', state];
  const program = {
    name: 'migrations',
    args: [WRANGLER, ...args],
    env: baseEnv(),
    logFile: join(logs, 'migrations.log'),
  };
  signal?.throwIfAborted();
  const child = startChild(program, guard);
  const stop = (): void => void child.stop();
  signal?.addEventListener('abort', stop);
  const code = await child.exited;
  signal?.removeEventListener('abort', stop);
  signal?.throwIfAborted();
  if (code !== 0) {
    throw new Error(`the directory could not be migrated (code ${code})\n${logTail(logs, 'migrations')}`);
  }
  mkdirSync(folder, { recursive: true });
  writeFileSync(mark, wanted);
}

/** Of all migrations, with their names and in order. */
function migrationsHash(): string {
  const folder = join(ROOT, 'migrations');
  const hash = createHash('sha256');
  for (const name of readdirSync(folder).toSorted())
    hash.update(`${name}\0${readFileSync(join(folder, name), 'utf8')}\0`);
  return hash.digest('hex');
}
