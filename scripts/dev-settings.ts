/** Settings of a stack on this machine: what was set from outside, and what is made at the first start. */
import { isWorkerVariable } from '#lib/variables.ts';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { newKeySet } from '../src/tokens/key-edit.ts';

export type Variables = Record<string, string>;

/** Keys and tokens made at the first start; later starts read them again, so tokens and towns outlive a restart. */
async function ownSecrets(stateDir: string): Promise<Variables> {
  const file = join(stateDir, 'dev.env');
  if (!existsSync(file)) {
    writePrivate(
      file,
      envText({
        SIGNING_KEYS: JSON.stringify(await newKeySet()),
        CONTAINER_SECRET: randomBytes(32).toString('base64url'),
        REEVE_DEV_TOKEN: randomBytes(32).toString('base64url'),
        WEBHOOK_KEYS: randomBytes(32).toString('base64url'),
      }),
    );
  }
  const known = parseEnv(readFileSync(file, 'utf8'));
  return Object.fromEntries(Object.entries(known).map(([name, value]) => [name, value ?? '']));
}

/** The Worker's variables: from outside first, then this machine's own. */
export async function workerVariables(
  stateDir: string,
  outside: Readonly<Record<string, string | undefined>>,
  ports: { worker: number; containers: readonly number[] },
): Promise<Variables> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const own: Variables = {
    PUBLIC_URL: `http://127.0.0.1:${ports.worker}`,
    CONTAINER_URL: ports.containers.map((port) => `http://127.0.0.1:${port}`).join(','),
    // A caller of this stack may run any program here anyway.
    AGENT_COMMANDS: '*',
    ...(await ownSecrets(stateDir)),
  };
  for (const [name, given] of Object.entries(outside)) {
    if (isWorkerVariable(name) && given !== undefined && given !== '') own[name] = given;
  }
  return own;
}

/** Writes a file that only its owner may read, from its first byte on, and never half. */
export function writePrivate(file: string, text: string): void {
  const next = `${file}.${process.pid}.tmp`;
  writeFileSync(next, text, { mode: 0o600 });
  renameSync(next, file);
}

/** Variables in the form of an env file. JSON has no single quotes to escape; nothing else here may hold one. */
export function envText(variables: Readonly<Variables>): string {
  return Object.entries(variables)
    .map(([name, value]) => {
      if (/['\n]/.test(value)) throw new Error(`${name} must not hold quotes or line breaks`);
      return `${name}='${value}'\n`;
    })
    .join('');
}
