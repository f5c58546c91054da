/** What is measured: the Worker in workerd itself, without a development proxy, and a real control server as a process. */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readD1Migrations } from '@cloudflare/vitest-pool-workers';
import { build } from 'esbuild';
import { Miniflare, convertV4MiniflareOptions } from 'miniflare';
import { unstable_readConfig as readConfig } from 'wrangler';
import { z } from 'zod';
import { answers } from '../scripts/answers.ts';
import { ApiClient } from '../scripts/api-client.ts';
import { startChild } from '../scripts/child.ts';
import { workerVariables } from '../scripts/dev-settings.ts';
import { controlProgram } from '../scripts/control-program.ts';
import { Guard } from '../scripts/guard.ts';
import { freePort } from '../scripts/ports.ts';
import { ROOT } from '../scripts/programs.ts';
import { WORKER_BUNDLE } from '../scripts/worker-bundle.ts';
import type { Order } from './order.ts';

/** What the platform is to be for the Worker, by its own configuration. */
const compatibilitySchema = z
  .object({ compatibility_date: z.string(), compatibility_flags: z.array(z.string()) })
  .transform((read) => ({ compatibilityDate: read.compatibility_date, compatibilityFlags: read.compatibility_flags }));

export interface Stack {
  readonly url: string;
  readonly api: ApiClient;
  /** Has the Worker do one thing, and resolves with what came of it. */
  readonly bench: (order: Pick<Order, 'side' | 'town'> & Partial<Order>) => Promise<unknown>;
  readonly stop: () => Promise<void>;
}

/** Starts both. Rejects, with nothing left running, where one does not answer. */
export async function startBench(env: Readonly<Record<string, string>> = {}): Promise<Stack> {
  const stateDir = mkdtempSync(join(tmpdir(), 'reeve-bench-'));
  const guard = new Guard();
  guard.protectFolder(stateDir);
  const ports = { worker: await freePort(), containers: [await freePort()] };
  const variables = await workerVariables(stateDir, env, ports);
  const url = `http://127.0.0.1:${ports.worker}`;
  const [controlPort = 0] = ports.containers;
  const logFile = join(stateDir, 'container.log');
  const program = controlProgram({ stateDir, variables, townUrl: url, port: controlPort, logFile });
  const control = startChild({ ...program, args: [join(ROOT, 'bench/control-process.ts')] }, guard);
  const deployed = compatibilitySchema.parse(
    readConfig({ config: join(ROOT, 'wrangler.toml') }, { hideWarnings: true }),
  );
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script: await bundle(),
      host: '127.0.0.1',
      port: ports.worker,
      ...deployed,
      durableObjects: {
        TOWN: { className: 'Town', useSQLite: true },
        AGENT_CONTAINER: { className: 'AgentContainer', useSQLite: true },
        BARE: { className: 'Bare', useSQLite: true },
      },
      d1Databases: { DIRECTORY: 'directory' },
      bindings: variables,
      resourcePersistencePath: join(stateDir, 'worker'),
      handleStructuredLogs: ({ message }) => appendFileSync(join(stateDir, 'worker.log'), `${message}\n`),
    }),
  );
  const stop = async (): Promise<void> => {
    await Promise.all([control.stop(), miniflare.dispose()]);
    guard.end();
    rmSync(stateDir, { recursive: true, force: true });
  };
  try {
    await migrate(miniflare);
    await answers(`http://127.0.0.1:${controlPort}/health`);
    const bench: Stack['bench'] = (order) => ask(`${url}/bench`, { n: 1, lanes: 1, agents: [], ...order });
    return { url, api: new ApiClient(url, variables['REEVE_DEV_TOKEN'] ?? ''), bench, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

/** The Worker in one file. */
async function bundle(): Promise<string> {
  const built = await build({
    ...WORKER_BUNDLE,
    entryPoints: ['bench/worker/index.ts'],
    write: false,
    logLevel: 'error',
  });
  const [file] = built.outputFiles;
  if (file === undefined) throw new Error('nothing was bundled');
  return file.text;
}

async function migrate(miniflare: Miniflare): Promise<void> {
  const directory = await miniflare.getD1Database('DIRECTORY');
  for (const { queries } of await readD1Migrations(join(ROOT, 'migrations'))) {
    for (const query of queries) await directory.prepare(query).run();
  }
}

async function ask(url: string, order: Order): Promise<unknown> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(order) });
  if (!response.ok) throw new Error(`${order.side}: ${response.status} ${(await response.text()).slice(0, 500)}`);
  return response.json();
}
