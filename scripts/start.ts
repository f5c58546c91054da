/** `npm start`: a whole Reeve on this machine. */
import { rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { validateConfig } from './check-config.ts';
import { workerVariables, writePrivate } from './dev-settings.ts';
import { startStack, type Stack, type StackOptions } from './dev-stack.ts';
import { isFree } from './ports.ts';

const USAGE = `Usage: npm start [-- --fresh]

Starts the Worker on PORT (8787) and a control server on CONTAINER_PORT (8790), both on 127.0.0.1.
The first start makes keys and a token in .reeve (REEVE_STATE_DIR); state survives restarts.

  --fresh   forget keys, token and all state, and begin anew
  --help    this text

Every variable of the configuration table in README.md may be set from outside.
With CONTAINER_URL set, no control server is started.
`;

/** The operator has to change something first. */
const EXIT_OPERATOR = 2;

async function main(): Promise<number> {
  const signal = signalled();
  const { values } = parseArgs({ options: { fresh: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const workerPort = portFrom('PORT', 8787);
  const containerPort = portFrom('CONTAINER_PORT', 8790);
  if (workerPort === null || containerPort === null) return EXIT_OPERATOR;
  const runControlServer = (process.env['CONTAINER_URL'] ?? '') === '';
  for (const [name, port] of [
    ['PORT', workerPort],
    ...(runControlServer ? [['CONTAINER_PORT', containerPort] as const] : []),
  ] as const) {
    if (await isFree(port)) continue;
    return refuse(`port ${port} is taken; set ${name} to another one`);
  }
  const stateDir = resolve(process.env['REEVE_STATE_DIR'] ?? '.reeve');
  if (values.fresh === true) rmSync(stateDir, { recursive: true, force: true });
  const variables = await workerVariables(stateDir, process.env, { worker: workerPort, container: containerPort });
  const broken = await validateConfig(variables);
  for (const { variable, rule } of broken) refuse(`${variable} ${rule}`);
  if (broken.length > 0) return EXIT_OPERATOR;

  const options = { stateDir, workerPort, containerPort, variables, runControlServer, cancelled: signal };
  const stack = await startOrExplain(options, signal);
  if (stack === null) return 1;
  const header = join(stateDir, 'auth-header');
  // In a file, so that the token is in no argument and no history.
  writePrivate(header, `Authorization: Bearer ${variables['REEVE_DEV_TOKEN'] ?? ''}\n`);
  const auth = relative(process.cwd(), header);
  process.stdout.write(
    `reeve ready: ${stack.url}\n` +
      `curl -H @${auth} -H 'content-type: application/json' -d '{"name":"first-town"}' ${stack.url}/v1/towns\n`,
  );
  const ended = await Promise.race([stack.failed, signal]);
  await stack.stop();
  if (ended === null) return 0;
  process.stderr.write(`reeve: ${ended}\n`);
  return 1;
}

/** Null: it did not start, which was said; or it was ended before it was ready. */
async function startOrExplain(options: StackOptions, signal: Promise<null>): Promise<Stack | null> {
  try {
    return await startStack(options);
  } catch (thrown) {
    const cancelled = await Promise.race([signal.then(() => true), Promise.resolve(false)]);
    if (!cancelled) process.stderr.write(`reeve: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    return null;
  }
}

function portFrom(name: string, fallback: number): number | null {
  const text = process.env[name] ?? String(fallback);
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  refuse(`${name} must be a port number from 1 to 65535`);
  return null;
}

function refuse(line: string): number {
  process.stderr.write(`reeve: ${line}\n`);
  return EXIT_OPERATOR;
}

function signalled(): Promise<null> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve(null));
  });
}

process.exitCode = await main();
// A second Ctrl-C, or a socket that lingers, must not keep the terminal.
process.exit();
