/** `npm start`: a whole Reeve on this machine. */
import { messageOf } from '#lib/result.ts';
import { strangeVariables } from '#lib/variables.ts';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { MAX_CONTAINER_URLS } from '../src/env.ts';
import { ApiClient } from './api-client.ts';
import { validateConfig } from './check-config.ts';
import { workerVariables, writePrivate, type Variables } from './dev-settings.ts';
import { startStack, type Stack, type StackOptions } from './dev-stack.ts';
import { aborted, endingSignal } from './ending.ts';
import { Guard } from './guard.ts';
import { listenerOn } from './holder.ts';
import { isFree } from './ports.ts';
import { GUARD_LOCK, openStateDir, stateDirFrom } from './state-dir.ts';

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
  const ending = endingSignal();
  const given = argumentsOf();
  if (given === null) return EXIT_OPERATOR;
  if (given.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const ports = portsFrom(given.containers);
  if (ports === null) return EXIT_OPERATOR;
  const stateDir = stateDirFrom(process.env);
  const opened = openStateDir(stateDir, given.fresh);
  if ('refused' in opened) return refuse(opened.refused);
  try {
    return await run(stateDir, ports, ending);
  } finally {
    opened.close();
  }
}

async function run(stateDir: string, ports: Ports, ending: AbortSignal): Promise<number> {
  for (const port of [ports.worker, ...ports.controls]) {
    if (await isFree(port)) continue;
    const name = port === ports.worker ? 'PORT' : 'CONTAINER_PORT';
    return refuse(
      `port ${port} is taken by ${listenerOn(port) ?? 'another process'}; stop it, or set ${name} to another one`,
    );
  }
  for (const line of strangeVariables(process.env)) process.stderr.write(`reeve: warning: ${line}\n`);
  const variables = await workerVariables(stateDir, process.env, { worker: ports.worker, containers: ports.controls });
  const broken = await validateConfig(variables);
  for (const { variable, rule } of broken) refuse(`${variable} ${rule}`);
  if (broken.length > 0) return EXIT_OPERATOR;

  process.stderr.write(
    `reeve: starting the Worker and ${ports.controls.length} control server(s); logs are in ${join(relative(process.cwd(), stateDir), 'logs')}\n`,
  );
  const guard = new Guard(join(stateDir, GUARD_LOCK));
  const options = {
    stateDir,
    workerPort: ports.worker,
    controlPorts: ports.controls,
    variables,
    signal: ending,
    guard,
  };
  const stack = await startOrExplain(options, ending);
  if (stack === null) return 1;
  printReady(stack.url, stateDir, variables);
  await printConsole(stack.url, variables, ending);
  const ended = await Promise.race([stack.failed, aborted(ending)]);
  await stack.stop();
  guard.end();
  if (ended === undefined) return 0;
  process.stderr.write(`reeve: ${ended}\n`);
  return 1;
}

function printReady(url: string, stateDir: string, variables: Readonly<Variables>): void {
  const header = join(stateDir, 'auth-header');
  // In a file, so that the token is in no argument and no history.
  writePrivate(header, `Authorization: Bearer ${variables['REEVE_DEV_TOKEN'] ?? ''}\n`);
  const auth = relative(process.cwd(), header);
  process.stdout.write(
    `reeve ready: ${url}\n` +
      `curl -H @${auth} -H 'content-type: application/json' -d '{"name":"first-town"}' ${url}/v1/towns\n`,
  );
}

/** The link that signs a browser in, which is good once; or why there is none. What runs goes on in either case. */
async function printConsole(url: string, variables: Readonly<Variables>, ending: AbortSignal): Promise<void> {
  const api = new ApiClient(url, variables['REEVE_DEV_TOKEN'] ?? '');
  try {
    const link = await Promise.race([api.createSignInLink(), aborted(ending)]);
    if (link !== undefined) process.stdout.write(`console: ${link.url}\n`);
  } catch (thrown) {
    const [reason = ''] = messageOf(thrown).split('\n');
    process.stderr.write(`reeve: there is no sign-in link for the console: ${reason}\n`);
  }
}

/** Null: it did not start, which was said; or it was ended before it was ready. */
async function startOrExplain(options: StackOptions, ending: AbortSignal): Promise<Stack | null> {
  try {
    return await startStack(options);
  } catch (thrown) {
    if (!ending.aborted) process.stderr.write(`reeve: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
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

interface Ports {
  readonly worker: number;
  readonly controls: readonly number[];
}

/** Null: refused, which was said. */
function portsFrom(containers: string | null): Ports | null {
  const worker = portFrom('PORT', 8787);
  const controls = controlPortsFrom(containers);
  if (worker === null || controls === null) return null;
  if (!controls.includes(worker)) return { worker, controls };
  const last = controls.at(-1) ?? worker;
  const line =
    controls.length === 1
      ? `PORT ${worker} is CONTAINER_PORT too; set one of them to another one`
      : `PORT ${worker} is among the ports of the control servers, ${controls[0]} to ${last}; set PORT or CONTAINER_PORT to another one`;
  refuse(line);
  return null;
}

/** One port after the other, none where `CONTAINER_URL` names control servers that are already running; null: refused. */
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
  const given = process.env[name] ?? '';
  const text = given === '' ? String(fallback) : given;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  refuse(`${name} must be a port number from 1 to 65535`);
  return null;
}

function refuse(line: string): number {
  process.stderr.write(`reeve: ${line}\n`);
  return EXIT_OPERATOR;
}

process.exitCode = await main();
// A socket that lingers must not keep the terminal.
process.exit();
