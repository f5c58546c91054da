/** The Workers of the benchmarks, in workerd itself. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { readD1Migrations } from '@cloudflare/vitest-pool-workers';
import { build, type Plugin } from 'esbuild';
import { Miniflare, convertV4MiniflareOptions } from 'miniflare';
import { unstable_readConfig as readConfig } from 'wrangler';
import { z } from 'zod';
import { ROOT } from '../scripts/programs.ts';
import { WORKER_BUNDLE } from '../scripts/worker-bundle.ts';

/** What the platform is to be for the Worker, by its own configuration. */
const compatibilitySchema = z
  .object({ compatibility_date: z.string(), compatibility_flags: z.array(z.string()) })
  .transform((read) => ({ compatibilityDate: read.compatibility_date, compatibilityFlags: read.compatibility_flags }));

/** The Worker with the object that stands on the `agents` package. */
const PACKAGE = 'agents-package';

interface WorkersOptions {
  readonly stateDir: string;
  readonly port: number;
  readonly variables: Readonly<Record<string, string>>;
}

/** The product's Worker with what it is compared with, and beside it one that holds the `agents` package, which weighs more than it. */
export async function startWorkers({ stateDir, port, variables: bindings }: WorkersOptions): Promise<Miniflare> {
  const common = {
    modules: true,
    ...compatibilitySchema.parse(readConfig({ config: join(ROOT, 'wrangler.toml') }, { hideWarnings: true })),
    bindings,
    d1Databases: { DIRECTORY: 'directory' },
  } as const;
  const object = (className: string) => ({ className, useSQLite: true });
  return new Miniflare(
    convertV4MiniflareOptions({
      host: '127.0.0.1',
      port,
      resourcePersistencePath: join(stateDir, 'worker'),
      handleStructuredLogs: ({ message }) => appendFileSync(join(stateDir, 'worker.log'), `${message}\n`),
      workers: [
        {
          name: 'bench',
          script: await bundle('bench/worker/index.ts'),
          durableObjects: {
            TOWN: object('Town'),
            AGENT_CONTAINER: object('AgentContainer'),
            BARE: object('Bare'),
            SHARED_TOKEN: object('SharedToken'),
            POLL_QUEUE: object('PollQueue'),
            PACKAGE_AGENT: { ...object('PackageAgent'), scriptName: PACKAGE },
          },
          ...common,
        },
        {
          name: PACKAGE,
          script: await bundle('bench/worker/designs/package-agent.ts'),
          durableObjects: { PACKAGE_AGENT: object('PackageAgent') },
          ...common,
        },
      ],
    }),
  );
}

/** Makes the tables of the directory. */
export async function migrate(miniflare: Miniflare): Promise<void> {
  const directory = await miniflare.getD1Database('DIRECTORY', 'bench');
  for (const { queries } of await readD1Migrations(join(ROOT, 'migrations'))) {
    for (const query of queries) await directory.prepare(query).run();
  }
}

/** A Worker in one file. */
async function bundle(entryPoint: string): Promise<string> {
  const built = await build({
    ...WORKER_BUNDLE,
    entryPoints: [entryPoint],
    plugins: [withPrefix],
    write: false,
    logLevel: 'error',
  });
  const [file] = built.outputFiles;
  if (file === undefined) throw new Error('nothing was bundled');
  return file.text;
}

/** A package that the `agents` package brings names Node's `path` without the prefix that workerd wants. */
const withPrefix: Plugin = {
  name: 'with-prefix',
  setup: (build) => {
    const namespace = 'with-prefix';
    build.onResolve({ filter: /^path$/ }, ({ path }) => ({ path, namespace }));
    build.onLoad({ filter: /^/, namespace }, ({ path }) => ({ contents: `export * from 'node:${path}'` }));
  },
};
