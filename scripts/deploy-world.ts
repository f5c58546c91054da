/** What `npm run deploy` asks of this machine and of the network. */
import { join } from 'node:path';
import { z } from 'zod';
import { buildImage } from './build-image.ts';
import { copyRenderer } from './docs-renderer.ts';
import { ROOT } from './programs.ts';
import { runWrangler } from './run-wrangler.ts';

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

/** wrangler on this terminal, with all static assets in their place. */
function wrangler(args: readonly string[]): Promise<number> {
  copyRenderer();
  return runWrangler(args, 'inherit');
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
  wrangler,
  bundle: () => buildImage(),
  get: statusOf,
};
