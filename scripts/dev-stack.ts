/** A whole Reeve on this machine: a Worker under wrangler dev, and control servers as processes of their own. */
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { publicKeys, privateKeySetSchema } from '../src/tokens/key-set.ts';
import { startChild, type Child, type Program } from './child.ts';
import { buildConsole } from './build-console.ts';
import { copyRenderer } from './docs-renderer.ts';
import { envText, writePrivate, type Variables } from './dev-settings.ts';
import { aborted } from './ending.ts';
import type { Guard } from './guard.ts';
import { migrateDirectory } from './migrate-directory.ts';
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
const READY_MS = 60_000;
/** A control server has this long (ms): it reports for 5 s, and its agents have 10 s before they are killed. */
const CONTROL_GRACE_MS = 20_000;
/** A control server that dies is started again after this, doubling while it dies young. */
const RESTART_MS = { first: 250, max: 5000, young: 5000 };

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
  const controls = options.controlPorts.map((_, nth) => keepRunning(controlProgram(options, nth, logs), guard));
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

/** Settings of agents that are handed on as they are. */
const AGENT_SETTINGS = ['AGENT_USERS', 'AGENT_DISK_MB', 'AGENT_START_TIMEOUT_SECONDS', 'AGENT_PERMISSION_SECONDS'];

function controlProgram(
  { stateDir, variables, workerPort, controlPorts }: StackOptions,
  nth: number,
  logs: string,
): Program {
  const keys = privateKeySetSchema.parse(JSON.parse(variables['SIGNING_KEYS'] ?? ''));
  return {
    name: 'control server',
    args: [join(ROOT, 'container/main.ts')],
    env: {
      ...baseEnv(),
      REEVE_API_URL: `http://127.0.0.1:${workerPort}`,
      REEVE_ISSUER: variables['PUBLIC_URL'] ?? '',
      REEVE_JWKS: JSON.stringify(publicKeys(keys)),
      CONTAINER_PORT: String(controlPorts[nth]),
      CONTAINER_SECRET: variables['CONTAINER_SECRET'] ?? '',
      AGENT_STATE_DIR: join(stateDir, 'agents'),
      // It ends with its Worker, which waits for no turn.
      AGENT_DRAIN_SECONDS: '0',
      // People have their agents where their shell finds them.
      AGENT_PATH: absoluteOnly(process.env['PATH'] ?? ''),
      ...agentSettings(),
    },
    logFile: join(logs, nth === 0 ? 'container.log' : `container-${nth + 1}.log`),
  };
}

function agentSettings(): Record<string, string> {
  const given = AGENT_SETTINGS.map((name) => [name, process.env[name] ?? ''] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== ''));
}

/** An agent is not started in the folder of this process: what is relative on a path would be somewhere else. */
const absoluteOnly = (path: string): string =>
  path
    .split(':')
    .filter((part) => part.startsWith('/'))
    .join(':');

/** Starts a program again whenever it ends by itself. */
function keepRunning(program: Program, guard: Guard): { crash(): void; stop(): Promise<void> } {
  let child: Child | null = null;
  let stopping = false;
  let wait = RESTART_MS.first;
  let timer: NodeJS.Timeout | undefined;
  const run = (): void => {
    const startedAt = Date.now();
    const current = startChild(program, guard);
    child = current;
    void current.exited.then((code) => {
      child = null;
      if (stopping) return;
      wait = Date.now() - startedAt < RESTART_MS.young ? Math.min(wait * 2, RESTART_MS.max) : RESTART_MS.first;
      appendFileSync(program.logFile, `${program.name} ended with code ${code}; starting again in ${wait} ms\n`);
      timer = setTimeout(run, wait);
    });
  };
  run();
  return {
    crash: () => child?.kill(),
    stop: async () => {
      stopping = true;
      clearTimeout(timer);
      await child?.stop(CONTROL_GRACE_MS);
    },
  };
}

/** Resolves when a GET answers 200; rejects after a minute. */
async function answers(url: string): Promise<void> {
  const until = Date.now() + READY_MS;
  while (Date.now() < until) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
      await response.body?.cancel();
      if (response.ok) return;
    } catch {
      // Not listening yet: asked again below, and an error when the minute is over.
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${url} did not answer within ${READY_MS / 1000} s`);
}
