/** What is measured: the Worker in workerd itself, without a development proxy, and a real control server as a process. */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readD1Migrations } from '@cloudflare/vitest-pool-workers';
import { build } from 'esbuild';
import { Miniflare, convertV4MiniflareOptions } from 'miniflare';
import { ApiClient } from '../scripts/api-client.ts';
import { startChild } from '../scripts/child.ts';
import { workerVariables } from '../scripts/dev-settings.ts';
import { controlProgram } from '../scripts/control-program.ts';
import { Guard } from '../scripts/guard.ts';
import { freePort } from '../scripts/ports.ts';
import { ROOT } from '../scripts/programs.ts';
import type { Order } from './order.ts';

const READY_MS = 30_000;
/** That of wrangler.toml. */
const COMPATIBILITY_DATE = '2026-10-23';

export interface Stack {
  readonly url: string;
  /** Of the one person. */
  readonly token: string;
  readonly api: ApiClient;
  /** Has the Worker do one thing, and resolves with what came of it. */
  readonly bench: (order: Pick<Order, 'side' | 'town'> & Partial<Order>) => Promise<unknown>;
  readonly controlPid: number;
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
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script: await bundle(),
      host: '127.0.0.1',
      port: ports.worker,
      compatibilityDate: COMPATIBILITY_DATE,
      compatibilityFlags: ['nodejs_compat'],
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
    const token = variables['REEVE_DEV_TOKEN'] ?? '';
    const bench: Stack['bench'] = (order) => ask(`${url}/bench`, { n: 1, lanes: 1, agents: [], ...order });
    return { url, token, api: new ApiClient(url, token), bench, controlPid: control.pid, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

/** The Worker in one file, as `wrangler deploy` would bundle it. */
async function bundle(): Promise<string> {
  const built = await build({
    entryPoints: [join(ROOT, 'bench/worker/index.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
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

/** Resolves when it is answered; rejects after half a minute. */
async function answers(url: string): Promise<void> {
  for (const until = Date.now() + READY_MS; ;) {
    const response = await fetch(url).catch(() => null);
    if (response?.ok === true) return;
    if (Date.now() > until) throw new Error(`${url} does not answer`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
