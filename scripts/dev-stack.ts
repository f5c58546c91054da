/** A whole Reeve on this machine: a Worker under wrangler dev, and control servers as processes of their own. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild, type Program } from './child.ts';
import { buildConsole } from './build-console.ts';
import { controlProgram } from './control-program.ts';
import { copyRenderer } from './docs-renderer.ts';
import { envText, writePrivate, type Variables } from './dev-settings.ts';
import { aborted } from './ending.ts';
import type { Guard } from './guard.ts';
import { keepRunning } from './keep-running.ts';
import { migrateDirectory } from './migrate-directory.ts';
import { answers } from './answers.ts';
import { ROOT, WRANGLER, baseEnv, logTail } from './programs.ts';

export interface StackOptions {
  /** Holds secrets, logs and all state of the Worker. */
  readonly stateDir: string;
  readonly workerPort: number;
  /** One control server is started on each; none where `CONTAINER_URL` was set from outside: those are already running. */
  readonly controlPorts: readonly number[];
  /** Containers of the platform, beside a Docker engine: the address of this machine at which they reach the Worker. */
  readonly containersReach?: { readonly host: string; readonly engine: Readonly<Record<string, string>> };
  readonly variables: Readonly<Variables>;
  /** Ends the start early, with nothing left running. */
  readonly signal?: AbortSignal;
  /** Ends everything where this process dies first. */
  readonly guard: Guard;
}

export interface Stack {
  readonly url: string;
  /** Ends a control server, the first or the nth, as a crash would; it is started again. */
  readonly crashControlServer: (nth?: number) => void;
  /** Calls of agents that the Worker refused so far, from its log. */
  readonly refusedCalls: () => number;
  /** Resolves with a reason when the Worker died by itself. */
  readonly failed: Promise<string>;
  readonly stop: () => Promise<void>;
}

/** Events of the Worker's log that tell of a refused call. */
const REFUSED = /"(?:agent\.call_refused|token\.refused)"/g;

/** Starts everything and resolves when both answer. Rejects, with nothing left running, where one does not. */
export async function startStack(options: StackOptions): Promise<Stack> {
  copyRenderer();
  await buildConsole();
  const logs = join(options.stateDir, 'logs');
  mkdirSync(logs, { recursive: true, mode: 0o700 });
  const envFile = join(options.stateDir, 'worker.env');
  writePrivate(envFile, envText(options.variables));
  await migrateDirectory({ ...options, logs });
  options.signal?.throwIfAborted();
  const { guard } = options;
  const worker = startChild(workerProgram(options, envFile, logs), guard);
  const controls = options.controlPorts.map((port, nth) => {
    const logFile = join(logs, nth === 0 ? 'container.log' : `container-${nth + 1}.log`);
    const program = controlProgram({ ...options, townUrl: `http://127.0.0.1:${options.workerPort}`, port, logFile });
    return keepRunning(() => program, guard);
  });
  const url = `http://${hostOf(options)}:${options.workerPort}`;
  let stopping = false;
  const stop = async (): Promise<void> => {
    stopping = true;
    await Promise.all([worker, ...controls].map((one) => one.stop()));
  };
  const failed = worker.exited.then((code) => {
    return stopping
      ? new Promise<string>(() => undefined)
      : `the Worker ended with code ${code}\n${logTail(logs, 'worker')}`;
  });
  try {
    await Promise.race([
      Promise.all([`${url}/healthz`, ...options.controlPorts.map(healthOf)].map(answers)),
      failed.then((reason) => Promise.reject(new Error(reason))),
      ...(options.signal === undefined ? [] : [cancelled(options.signal)]),
    ]);
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  return {
    url,
    crashControlServer: (nth = 0) => controls[nth]?.crash(),
    refusedCalls: () => readFileSync(join(logs, 'worker.log'), 'utf8').match(REFUSED)?.length ?? 0,
    failed,
    stop,
  };
}

const cancelled = (signal: AbortSignal): Promise<never> =>
  aborted(signal).then(() => Promise.reject(new Error('ended before it was ready')));

const healthOf = (port: number): string => `http://127.0.0.1:${port}/health`;

const hostOf = ({ containersReach }: StackOptions): string => containersReach?.host ?? '127.0.0.1';

function workerProgram(options: StackOptions, envFile: string, logs: string): Program {
  return {
    name: 'worker',
    args: [
      WRANGLER,
      'dev',
      '--config',
      join(ROOT, 'wrangler.toml'),
      '--ip',
      hostOf(options),
      '--port',
      String(options.workerPort),
      '--inspector-port',
      '0',
      '--env-file',
      envFile,
      '--persist-to',
      join(options.stateDir, 'worker'),
      '--show-interactive-dev-session=false',
      `--enable-containers=${options.containersReach !== undefined}`,
    ],
    env: { ...baseEnv(), ...options.containersReach?.engine },
    logFile: join(logs, 'worker.log'),
  };
}
