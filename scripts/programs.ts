/** What the programs that are started here have in common. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..');
export const WRANGLER = join(ROOT, 'node_modules/wrangler/bin/wrangler.js');

/** For each Node that is started: what was compiled once is read the next time, which is half of the work of a start. */
export const COMPILE_CACHE = join(ROOT, 'node_modules/.cache/node');

/** What every child gets: a path, a home for caches, and no surprises of the shell. */
export function baseEnv(): Record<string, string> {
  const { PATH = '', HOME = '', NODE_EXTRA_CA_CERTS } = process.env;
  return {
    PATH,
    HOME,
    ...(NODE_EXTRA_CA_CERTS === undefined ? {} : { NODE_EXTRA_CA_CERTS }),
    NODE_COMPILE_CACHE: COMPILE_CACHE,
    // Requests with their addresses would land on disk otherwise.
    X_LOCAL_OBSERVABILITY: 'false',
    WRANGLER_SEND_METRICS: 'false',
    CI: 'true',
    NO_COLOR: '1',
  };
}

/** The end of a log, for a person. */
export const logTail = (logs: string, name: string): string =>
  readFileSync(join(logs, `${name}.log`), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(-15)
    .join('\n');
