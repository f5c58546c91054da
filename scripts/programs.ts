/** What the programs that are started here have in common. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..');
export const WRANGLER = join(ROOT, 'node_modules/wrangler/bin/wrangler.js');

/** What every child gets: a path, a home for caches, and no surprises of the shell. */
export function baseEnv(): Record<string, string> {
  const { PATH = '', HOME = '', NODE_EXTRA_CA_CERTS } = process.env;
  return {
    PATH,
    HOME,
    ...(NODE_EXTRA_CA_CERTS === undefined ? {} : { NODE_EXTRA_CA_CERTS }),
    // What was compiled once is read the next time: a second of each start.
    NODE_COMPILE_CACHE: join(ROOT, 'node_modules/.cache/node'),
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
