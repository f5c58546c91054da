/** Runs a control server on Node. The only impure file: it alone touches the process, the wall clock, timers and the network. */
import { serve } from '@hono/node-server';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { strangeVariables } from '#lib/variables.ts';
import { prepareRun } from './agents/process/prepare-run.ts';
import { agentProcesses, type AgentProcesses } from './agents/process/spawn-process.ts';
import { SYSTEM_ACCOUNTS } from './agents/users/account-files.ts';
import { atMost, type Clock } from './lib/clock.ts';
import { sharedRegistry } from './clients/registry.ts';
import { parseConfig, type Config } from './config.ts';
import { createControlServer, type ControlServer } from './control-server.ts';
import type { Collector } from './otlp.ts';
import { scrapedMetrics, type ScrapedMetrics } from './metrics.ts';
import { consoleSink, countPrinted, createLog, errorFields } from './lib/log.ts';

const USAGE = `Usage: node container/main.ts

Runs a Reeve control server: it starts, feeds and stops agents for a town.

  REEVE_API_URL      origin of the Worker (required)
  REEVE_ISSUER       issuer of push tokens; default REEVE_API_URL
  REEVE_JWKS         public keys known before the first fetch, as a JWK Set
  CONTAINER_HOST     address to listen on; default 127.0.0.1
  CONTAINER_PORT     port to listen on; default 8790, 0 lets the system choose
  METRICS_PORT       port on 127.0.0.1 on which GET /metrics answers; default: none, 0 lets the system choose
  OTEL_EXPORTER_OTLP_ENDPOINT  a collector, which gets the spans of traced turns over OTLP/HTTP; default: none
  OTEL_SERVICE_NAME  what this program is called there; default reeve-container
  OTEL_EXPORTER_OTLP_HEADERS   headers for it, as name=value, by comma; a secret
  CONTAINER_SECRET   shown to the Worker when saying hello
  AGENT_STATE_DIR    holds a home directory for each agent; default .reeve-agents
  AGENT_PATH         where the commands of agents are looked for; default: this Node's directory and the system's
  AGENT_START_TIMEOUT_SECONDS  how long an agent may take until it takes prompts; default 60
  AGENT_PERMISSION_SECONDS     how long a person has to answer what an agent asks; default 600
  AGENT_DRAIN_SECONDS  after SIGTERM, how long turns under way may take to their ends; default 600, 0 for no time
  AGENT_USERS        first number, or range, of Unix users that agents get, each its own; needs root. Default: they share this one
  AGENT_DISK_MB      how much an agent may have on the disk, in MiB; default 1024, 0 for any amount
`;

/** Where a system has its commands. */
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** The only address at which this program tells of itself: no stranger reaches it. */
const LOOPBACK = '127.0.0.1';
/** Exit code for what the operator has to correct: an argument, the configuration, or a port that is taken. */
const EXIT_OPERATOR = 2;
/** Room in the headers for any token, so that one that is too long gets this server's own 413. */
const MAX_HEADER_BYTES = 128 * 1024;
/** Answers under way get this long (ms) to reach their readers; idle connections are closed at once. */
const LAST_ANSWERS_MS = 1_000;
/** Users and files of agents are removed within this (ms), or by the next start; the last spans are sent, or lost. */
const LAST_REMOVALS_MS = 2_000;

/** As good as any (ms): it does nothing. */
const ALIVE_MS = 60_000;

const clock: Clock = {
  wallMs: () => Date.now(),
  monoMs: () => performance.now(),
  after: (ms, run) => {
    // Unref'd: work that waits for its time does not keep the process alive (W-19).
    const timer = setTimeout(run, ms).unref();
    return () => clearTimeout(timer);
  },
};
const log = createLog(clock, consoleSink);

function stopWith(code: number, line: string): never {
  process.stderr.write(`reeve container: ${line}\n`);
  process.exit(code);
}

function listen(server: ControlServer, { host, port, agentUsers }: Config): ReturnType<typeof serve> {
  const http = serve(
    { fetch: server.app.fetch, hostname: host, port, serverOptions: { maxHeaderSize: MAX_HEADER_BYTES } },
    (address) => {
      // Whether agents are kept apart by the system is said at each start.
      const agent_users = agentUsers === null ? 'shared' : `${agentUsers.first}-${agentUsers.last}`;
      log.info('ready', { host, port: address.port, boot: server.boot, agent_users });
      void server.hello();
    },
  );
  http.on('error', (thrown: Error & { code?: string }) => {
    stopWith(EXIT_OPERATOR, `cannot listen on ${host}:${port}: ${thrown.code ?? thrown.name}`);
  });
  return http;
}

/** Tells of the server in numbers, on loopback alone. It ends with the process. */
function listenForScrapes(server: ControlServer, metrics: ScrapedMetrics, port: number): void {
  const startedAtSeconds = (clock.wallMs() - clock.monoMs()) / 1000;
  const respond = (request: Request): Response => {
    const { user, system } = process.cpuUsage();
    const usage = { cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss(), startedAtSeconds };
    return metrics.serve(request, { ...server.state(), ...usage });
  };
  const http = serve({ fetch: respond, hostname: LOOPBACK, port }, (address) => {
    log.info('metrics', { host: LOOPBACK, port: address.port });
  });
  http.on('error', (thrown: Error & { code?: string }) => {
    stopWith(EXIT_OPERATOR, `cannot listen on ${LOOPBACK}:${port}: ${thrown.code ?? thrown.name}`);
  });
}

interface Running {
  readonly server: ControlServer;
  readonly agents: AgentProcesses;
  readonly http: ReturnType<typeof serve>;
  readonly spans: Collector | null;
  readonly drainMs: number;
}

/** SIGTERM, by which a platform announces the end, lets turns come to theirs first; a second signal, or any other, does not wait. */
function endOnSignals({ server, agents, http, spans, drainMs }: Running): void {
  let isAnnounced = false;
  let isEnding = false;
  const end = async (signal: string): Promise<void> => {
    const mayDrain = signal === 'SIGTERM' && !isAnnounced;
    isAnnounced = true;
    if (mayDrain) await server.drain(drainMs);
    if (isEnding) return;
    isEnding = true;
    log.info('shutting_down', { signal });
    await server.shutdown();
    await atMost(clock, LAST_REMOVALS_MS, Promise.all([agents.close(), spans?.close()]));
    http.close(() => process.exit(0));
    clock.after(LAST_ANSWERS_MS, () => process.exit(0));
  };
  // Handled to the end: a second signal, from a parent that forwards what the terminal has sent already, must not cut it short.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => void end(signal));
  for (const event of ['unhandledRejection', 'uncaughtException']) {
    process.on(event, (thrown: unknown) => {
      log.error('crashed', { event, ...errorFields(thrown) });
      process.exit(1);
    });
  }
}

/** Whether `--help` was asked for; there are no other arguments. */
function wantsHelp(): boolean {
  try {
    return parseArgs({ options: { help: { type: 'boolean', short: 'h' } } }).values.help === true;
  } catch {
    return stopWith(EXIT_OPERATOR, 'takes no argument but --help');
  }
}

async function main(): Promise<void> {
  if (wantsHelp()) return void process.stdout.write(USAGE);
  const parsed = parseConfig(process.env);
  if (!parsed.ok) stopWith(EXIT_OPERATOR, parsed.error);
  for (const line of strangeVariables(process.env)) process.stderr.write(`reeve container: warning: ${line}\n`);
  const { config } = parsed;
  countPrinted(log);
  // Nothing listens yet, and the timers of the clock keep no process alive: without this one it would end in its first wait.
  const alive = setInterval(() => {}, ALIVE_MS);
  const run = await prepareRun({
    stateDir: config.agentStateDir,
    range: config.agentUsers,
    isRoot: process.getuid?.() === 0,
    files: SYSTEM_ACCOUNTS,
    clock,
    log,
  });
  clearInterval(alive);
  if (!run.ok) stopWith(EXIT_OPERATOR, run.error);
  const randomBytes = (count: number): Uint8Array => crypto.getRandomValues(new Uint8Array(count));
  const agents = agentProcesses(
    { clock, log, randomBytes },
    {
      stateDir: run.stateDir,
      path: config.agentPath ?? `${dirname(process.execPath)}:${SYSTEM_PATH}`,
      apiUrl: config.apiUrl,
      startTimeoutMs: config.agentStartMs,
      permissionMs: config.agentPermissionMs,
      diskBytes: config.agentDiskBytes,
      users: run.users,
    },
    sharedRegistry(),
  );
  // Its libraries are loaded where they are used: they take longer than the rest of this start.
  const spans =
    config.collector === null ? null : (await import('./otlp.ts')).collector({ log, randomBytes }, config.collector);
  const tracing = spans === null ? {} : { tracer: spans.tracer };
  const metrics = config.metricsPort === null ? undefined : scrapedMetrics();
  const counting = metrics === undefined ? {} : { metrics };
  const server = createControlServer({ config, clock, fetch, log, randomBytes, ...counting, ...tracing, ...agents });
  const http = listen(server, config);
  if (metrics !== undefined) listenForScrapes(server, metrics, config.metricsPort ?? 0);
  endOnSignals({ server, agents, http, spans, drainMs: config.agentDrainMs });
}

await main();
