/** The control server as a program of this machine, which says hello to its Worker. */
import { join } from 'node:path';
import { privateKeySetSchema, publicKeys } from '../src/tokens/key-set.ts';
import type { Program } from './child.ts';
import type { Variables } from './dev-settings.ts';
import { ROOT, baseEnv } from './programs.ts';

/** Settings of agents, and where spans go, that are handed on as they are. */
const HANDED_ON = [
  'AGENT_USERS',
  'AGENT_DISK_MB',
  'AGENT_START_TIMEOUT_SECONDS',
  'AGENT_PERMISSION_SECONDS',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_SERVICE_NAME',
];

export interface ControlOptions {
  readonly stateDir: string;
  /** Of the Worker: its keys, its address and the secret that both know. */
  readonly variables: Readonly<Variables>;
  /** Origin at which it reaches the Worker. */
  readonly townUrl: string;
  readonly port: number;
  readonly logFile: string;
}

export function controlProgram({ stateDir, variables, townUrl, port, logFile }: ControlOptions): Program {
  const keys = privateKeySetSchema.parse(JSON.parse(variables['SIGNING_KEYS'] ?? ''));
  return {
    name: 'control server',
    args: [join(ROOT, 'container/main.ts')],
    env: {
      ...baseEnv(),
      REEVE_API_URL: townUrl,
      REEVE_ISSUER: variables['PUBLIC_URL'] ?? '',
      REEVE_JWKS: JSON.stringify(publicKeys(keys)),
      CONTAINER_PORT: String(port),
      CONTAINER_SECRET: variables['CONTAINER_SECRET'] ?? '',
      AGENT_STATE_DIR: join(stateDir, 'agents'),
      // It ends with its Worker, which waits for no turn.
      AGENT_DRAIN_SECONDS: '0',
      // People have their agents where their shell finds them.
      AGENT_PATH: absoluteOnly(process.env['PATH'] ?? ''),
      ...handedOn(),
    },
    logFile,
  };
}

function handedOn(): Record<string, string> {
  const given = HANDED_ON.map((name) => [name, process.env[name] ?? ''] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== ''));
}

/** An agent is not started in the folder of this process: what is relative on a path would be somewhere else. */
const absoluteOnly = (path: string): string =>
  path
    .split(':')
    .filter((part) => part.startsWith('/'))
    .join(':');
