/**
 * `reeve/agent`: for the process of an agent with `credentials: file` that calls the town itself, in Node.
 *
 *     const town = openTown({ aliases: ['MY_TOOL_TOKEN'] });
 *     const peers = await town.fetch('/v1/agent/peers');
 */
import { isAbsolute } from 'node:path';
import { Credential, NoCredential, type Environment } from './credential.ts';
import { Town, type Fetch } from './town.ts';

export { NoCredential } from './credential.ts';
export { ExchangeRefused } from './third-party-tokens.ts';
export type { Town, TownRequest } from './town.ts';

/** How often the file is read for the aliases (ms): a token that was replaced is good for hours. */
const READ_EVERY_MS = 1_000;

/** An exchange that is not answered is given up after this (ms). */
const EXCHANGE_TIMEOUT_MS = 10_000;

function eachSecond(read: () => void): () => void {
  const timer = setInterval(read, READ_EVERY_MS).unref();
  return () => clearInterval(timer);
}

export interface TownOptions {
  /** Environment variables that hold the token for code that looks there; kept in step with the file, all or none. Default: none. */
  readonly aliases?: readonly string[];
  /** Default: the platform's. */
  readonly fetch?: Fetch;
  /** The time in ms. Default: the system's. */
  readonly now?: () => number;
  /** Default: `process.env`. */
  readonly environment?: Environment;
  /** Calls `read` again and again, until the returned function is called. Default: each second, and it keeps no process alive. */
  readonly repeat?: (read: () => void) => () => void;
}

/**
 * The town of this agent, from `REEVE_TOKEN_FILE` and `REEVE_API_URL`, which the control server sets. Throws `NoCredential` where it
 * did not, and `TypeError` for a name that no alias may have.
 */
export function openTown(options: TownOptions = {}): Town {
  const { aliases = [], environment = process.env, repeat = eachSecond } = options;
  const path = environment['REEVE_TOKEN_FILE'] ?? '';
  const address = environment['REEVE_API_URL'] ?? '';
  if (!isAbsolute(path) || !URL.canParse(address)) {
    throw new NoCredential('REEVE_TOKEN_FILE and REEVE_API_URL are not set: the agent runs without credentials: file');
  }
  const credential = new Credential({ path, aliases, environment, repeat });
  return new Town({
    origin: new URL(address).origin,
    credential,
    fetch: options.fetch ?? fetch,
    now: options.now ?? Date.now,
    deadline: () => AbortSignal.timeout(EXCHANGE_TIMEOUT_MS),
  });
}
