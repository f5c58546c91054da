/** What `npm run deploy` asks of this machine and of the network. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { z } from 'zod';
import { isWorkerVariable } from '#lib/variables.ts';
import { buildImage } from './build-image.ts';
import { copyRenderer } from './docs-renderer.ts';
import { ROOT } from './programs.ts';

/** What wrangler.toml says that matters here. */
export interface Project {
  readonly vars: Readonly<Record<string, unknown>>;
  readonly databaseId: string | undefined;
}

/** The world of this command; tests pass their own. */
export interface DeployIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly project: () => Promise<Project>;
  /** Runs wrangler and returns its exit code. */
  readonly wrangler: (args: readonly string[]) => Promise<number>;
  /** Bundles what the image of the containers copies. */
  readonly bundle: () => Promise<void>;
  /** The status of a GET; null: no answer came. */
  readonly get: (url: string) => Promise<number | null>;
}

const configSchema = z.object({
  vars: z.record(z.string(), z.unknown()),
  d1_databases: z.array(z.object({ binding: z.string(), database_id: z.string().optional() })),
});

/** wrangler.toml as wrangler itself reads it. */
async function readProject(): Promise<Project> {
  const { unstable_readConfig: readConfig } = await import('wrangler');
  const config = configSchema.parse(readConfig({ config: join(ROOT, 'wrangler.toml') }, { hideWarnings: true }));
  const directory = config.d1_databases.find(({ binding }) => binding === 'DIRECTORY');
  return { vars: config.vars, databaseId: directory?.database_id };
}

/** Runs the pinned wrangler on this terminal, with all static assets in their place. A signal ends it first, so that the secrets' file is removed afterwards. */
function runWrangler(args: readonly string[]): Promise<number> {
  copyRenderer();
  const env = { ...process.env };
  // They travel in the file; what a child process does not need, it does not get.
  for (const name of Object.keys(env).filter(isWorkerVariable)) delete env[name];
  if (args.includes('--dry-run')) env['WRANGLER_SEND_METRICS'] = 'false';
  const program = join(ROOT, 'node_modules/wrangler/bin/wrangler.js');
  const child = spawn(process.execPath, [program, ...args, '--config', join(ROOT, 'wrangler.toml')], {
    env,
    cwd: ROOT,
    stdio: 'inherit',
  });
  let interrupted = false;
  const handOn = (signal: NodeJS.Signals): void => {
    interrupted = true;
    child.kill(signal);
  };
  // Handled to the end: npm forwards a second signal, which must not come before the file is removed.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, handOn);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      // wrangler may end with 0 on a signal: what was interrupted did not succeed.
      resolve(interrupted ? 1 : (code ?? 1));
    });
  });
}

/** A deployment that is new may take a few seconds. */
async function statusOf(url: string): Promise<number | null> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(HEALTH_MS), redirect: 'manual' });
    await answer.body?.cancel();
    return answer.status;
  } catch {
    return null; // Not reached: said to the operator, who may be behind a proxy of their own.
  }
}
const HEALTH_MS = 15_000;

export const theWorld: Pick<DeployIo, 'project' | 'wrangler' | 'bundle' | 'get'> = {
  project: readProject,
  wrangler: runWrangler,
  bundle: () => buildImage(),
  get: statusOf,
};
