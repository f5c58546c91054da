/**
 * What is measured: the Worker in workerd itself, without a development proxy, and a real control server as a process; beside it the
 * container of the designs that Reeve is compared with.
 */
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
import { startChild, type Child } from '../scripts/child.ts';
import { workerVariables } from '../scripts/dev-settings.ts';
import { controlProgram } from '../scripts/control-program.ts';
import { Guard } from '../scripts/guard.ts';
import { freePort } from '../scripts/ports.ts';
import { ROOT } from '../scripts/programs.ts';
import { WORKER_BUNDLE } from '../scripts/worker-bundle.ts';
import { REQUESTS, type Order } from './order.ts';

/** What the platform is to be for the Worker, by its own configuration. */
const compatibilitySchema = z
  .object({ compatibility_date: z.string(), compatibility_flags: z.array(z.string()) })
  .transform((read) => ({ compatibilityDate: read.compatibility_date, compatibilityFlags: read.compatibility_flags }));

export interface Stack {
  readonly url: string;
  readonly api: ApiClient;
  /** Has the Worker do one thing, and resolves with what came of it. */
  readonly bench: (order: Pick<Order, 'side' | 'town'> & Partial<Order>) => Promise<unknown>;
  /** How many requests the control server has got and made. */
  readonly controlRequests: () => Promise<number>;
  /** Origin of the container of the other designs. */
  readonly designs: string;
  readonly stop: () => Promise<void>;
}

/** Starts all of it. Rejects, with nothing left running, where one of them does not answer. */
export async function startBench(env: Readonly<Record<string, string>> = {}): Promise<Stack> {
  const stateDir = mkdtempSync(join(tmpdir(), 'reeve-bench-'));
  const guard = new Guard();
  guard.protectFolder(stateDir);
  const ports = { worker: await freePort(), containers: [await freePort()], designs: await freePort() };
  const variables = await workerVariables(stateDir, env, ports);
  const url = `http://127.0.0.1:${ports.worker}`;
  const startContainer = (file: string, port: number): Child => {
    const logFile = join(stateDir, `container-${port}.log`);
    const program = controlProgram({ stateDir, variables, townUrl: url, port, logFile });
    return startChild({ ...program, args: [join(ROOT, 'bench', file)] }, guard);
  };
  const [controlPort = 0] = ports.containers;
  const designs = `http://127.0.0.1:${ports.designs}`;
  const containers = [
    startContainer('control-process.ts', controlPort),
    startContainer('designs/container-process.ts', ports.designs),
  ];
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
        POLL_QUEUE: { className: 'PollQueue', useSQLite: true },
        SHARED_TOKEN: { className: 'SharedToken', useSQLite: true },
      },
      d1Databases: { DIRECTORY: 'directory' },
      bindings: { ...variables, DESIGNS_URL: designs },
      resourcePersistencePath: join(stateDir, 'worker'),
      handleStructuredLogs: ({ message }) => appendFileSync(join(stateDir, 'worker.log'), `${message}\n`),
    }),
  );
  const stop = async (): Promise<void> => {
    await Promise.all([...containers.map((container) => container.stop()), miniflare.dispose()]);
    guard.end();
    rmSync(stateDir, { recursive: true, force: true });
  };
  try {
    await migrate(miniflare);
    await Promise.all([controlPort, ports.designs].map((port) => answers(`http://127.0.0.1:${port}/health`)));
    const bench: Stack['bench'] = (order) => ask(`${url}/bench`, { n: 1, lanes: 1, agents: [], ...order });
    const controlRequests = async (): Promise<number> =>
      Number(await (await fetch(`http://127.0.0.1:${controlPort}${REQUESTS}`)).text());
    return { url, api: new ApiClient(url, variables['REEVE_DEV_TOKEN'] ?? ''), bench, controlRequests, designs, stop };
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
