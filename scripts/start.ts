/** `npm start`: a whole Reeve on this machine. */
import { rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { MAX_CONTAINER_URLS } from '../src/env.ts';
import { validateConfig } from './check-config.ts';
import { workerVariables, writePrivate } from './dev-settings.ts';
import { startStack, type Stack, type StackOptions } from './dev-stack.ts';
import { isFree } from './ports.ts';

const USAGE = `Usage: npm start [-- --fresh] [--containers <n>]

Starts the Worker on PORT (8787) and a control server on CONTAINER_PORT (8790), both on 127.0.0.1.
The first start makes keys and a token in .reeve (REEVE_STATE_DIR); state survives restarts.

  --fresh            forget keys, token and all state, and begin anew
  --containers <n>   start n control servers (1 to ${MAX_CONTAINER_URLS}), on CONTAINER_PORT and the ports after it
  --help             this text

Every variable of the configuration table in README.md may be set from outside.
With CONTAINER_URL set, which may list several addresses, no control server is started.
`;

/** The operator has to change something first. */
const EXIT_OPERATOR = 2;

interface Arguments {
  readonly fresh: boolean;
  readonly help: boolean;
  readonly containers: string | null;
}

async function main(): Promise<number> {
  const signal = signalled();
  const given = argumentsOf();
  if (given === null) return EXIT_OPERATOR;
  if (given.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const workerPort = portFrom('PORT', 8787);
  const controlPorts = controlPortsFrom(given.containers);
  if (workerPort === null || controlPorts === null) return EXIT_OPERATOR;
  for (const port of [workerPort, ...controlPorts]) {
    if (await isFree(port)) continue;
    return refuse(`port ${port} is taken; set ${port === workerPort ? 'PORT' : 'CONTAINER_PORT'} to another one`);
  }
  const stateDir = resolve(process.env['REEVE_STATE_DIR'] ?? '.reeve');
  if (given.fresh) rmSync(stateDir, { recursive: true, force: true });
  const variables = await workerVariables(stateDir, process.env, { worker: workerPort, containers: controlPorts });
  const broken = await validateConfig(variables);
  for (const { variable, rule } of broken) refuse(`${variable} ${rule}`);
  if (broken.length > 0) return EXIT_OPERATOR;

  const options = { stateDir, workerPort, controlPorts, variables, cancelled: signal };
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

/** Null: refused, which was said. */
function argumentsOf(): Arguments | null {
  try {
    const { values } = parseArgs({
      options: { fresh: { type: 'boolean' }, help: { type: 'boolean', short: 'h' }, containers: { type: 'string' } },
    });
    return { fresh: values.fresh === true, help: values.help === true, containers: values.containers ?? null };
  } catch (thrown) {
    refuse(`${thrown instanceof Error ? thrown.message : String(thrown)}\n${USAGE}`);
    return null;
  }
}

/** One port after the other, none where `CONTAINER_URL` names control servers that somebody else runs; null: refused. */
function controlPortsFrom(containers: string | null): number[] | null {
  const elsewhere = (process.env['CONTAINER_URL'] ?? '') !== '';
  if (elsewhere && containers !== null) {
    refuse(
      '--containers starts control servers, and CONTAINER_URL names those that run already: leave one of them out',
    );
    return null;
  }
  const count = /^\d{1,2}$/.test(containers ?? '1') ? Number(containers ?? '1') : 0;
  if (count < 1 || count > MAX_CONTAINER_URLS) {
    refuse(`--containers must be 1 to ${MAX_CONTAINER_URLS}`);
    return null;
  }
  const first = portFrom('CONTAINER_PORT', 8790);
  if (first === null || elsewhere) return first === null ? null : [];
  if (first + count - 1 <= 65_535) return Array.from({ length: count }, (_, nth) => first + nth);
  refuse(`CONTAINER_PORT leaves no room for ${count} ports`);
  return null;
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
