/**
 * What is measured: the Worker in workerd itself, without a development proxy, and a real control server as a process; beside it the
 * container of the designs that Reeve is compared with.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answers } from '../scripts/answers.ts';
import { ApiClient } from '../scripts/api-client.ts';
import { startChild, type Child } from '../scripts/child.ts';
import { workerVariables } from '../scripts/dev-settings.ts';
import { controlProgram } from '../scripts/control-program.ts';
import { Guard } from '../scripts/guard.ts';
import { freePort } from '../scripts/ports.ts';
import { ROOT } from '../scripts/programs.ts';
import { REQUESTS, type Order } from './order.ts';
import { migrate, startWorkers } from './workers.ts';

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
  const workers = { ...variables, DESIGNS_URL: designs };
  const miniflare = await startWorkers({ stateDir, port: ports.worker, variables: workers });
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

async function ask(url: string, order: Order): Promise<unknown> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(order) });
  if (!response.ok) throw new Error(`${order.side}: ${response.status} ${(await response.text()).slice(0, 500)}`);
  return response.json();
}
