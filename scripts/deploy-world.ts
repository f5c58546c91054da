/** What `npm run deploy` asks of this machine and of the network. */
import { join } from 'node:path';
import { z } from 'zod';
import { buildConsole } from './build-console.ts';
import { buildImage } from './build-image.ts';
import { copyRenderer } from './docs-renderer.ts';
import { ROOT } from './programs.ts';
import { runWrangler } from './run-wrangler.ts';

/** What wrangler.toml says that matters here. */
export interface Project {
  readonly vars: Readonly<Record<string, unknown>>;
  /** The name of the directory's database; null where it is named by its id, and so is there. */
  readonly databaseName: string | null;
}

/** The world of this command; tests pass their own. */
export interface DeployIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  /** Of an environment, or of the top level; null: there is no such environment. */
  readonly project: (environment: string | undefined) => Promise<Project | null>;
  /** Runs wrangler and returns its exit code. */
  readonly wrangler: (args: readonly string[]) => Promise<number>;
  /** Bundles what the image of the containers copies. */
  readonly bundle: () => Promise<void>;
  /** The status of a GET; null: no answer came. */
  readonly get: (url: string) => Promise<number | null>;
}

const configSchema = z.looseObject({
  vars: z.record(z.string(), z.unknown()),
  d1_databases: z.array(
    z.looseObject({ binding: z.literal('DIRECTORY'), database_name: z.string(), database_id: z.string().optional() }),
  ),
  containers: z.array(z.looseObject({})),
  definedEnvironments: z.array(z.string()).default([]),
});

/** wrangler.toml as wrangler itself reads it, for one of its environments or the top level. Throws where there is none of that name. */
export async function readConfigFile(env: string | undefined): Promise<z.output<typeof configSchema>> {
  const { unstable_readConfig: readConfig } = await import('wrangler');
  return configSchema.parse(readConfig({ config: join(ROOT, 'wrangler.toml'), env }, { hideWarnings: true }));
}

async function readProject(environment: string | undefined): Promise<Project | null> {
  const { definedEnvironments } = await readConfigFile(undefined);
  if (environment !== undefined && !definedEnvironments.includes(environment)) return null;
  const { vars, d1_databases } = await readConfigFile(environment);
  const named = d1_databases.find(({ database_id }) => database_id === undefined);
  return { vars, databaseName: named?.database_name ?? null };
}

/** wrangler on this terminal, with all static assets in their place. */
async function wrangler(args: readonly string[], ending: AbortSignal): Promise<number> {
  copyRenderer();
  await buildConsole();
  return runWrangler(args, 'inherit', ending);
}

/** A deployment that is new may take a few seconds. */
async function statusOf(url: string, ending: AbortSignal): Promise<number | null> {
  try {
    const signal = AbortSignal.any([AbortSignal.timeout(HEALTH_MS), ending]);
    const answer = await fetch(url, { signal, redirect: 'manual' });
    await answer.body?.cancel();
    return answer.status;
  } catch {
    return null; // Not reached: said to the operator, who may be behind a proxy of their own.
  }
}
const HEALTH_MS = 15_000;

/** `ending`: wrangler ends with it, and is not started after it; no other signal ends the command before it has cleared up. */
export const worldUntil = (ending: AbortSignal): Pick<DeployIo, 'project' | 'wrangler' | 'bundle' | 'get'> => ({
  project: readProject,
  wrangler: (args) => wrangler(args, ending),
  bundle: () => buildImage(),
  get: (url) => statusOf(url, ending),
});
