/** A valid configuration, for tests that change one variable of it. */
import { parseConfig, type Config } from '../../src/env.ts';
import { newKeySet } from '../../src/tokens/key-edit.ts';

export type Bindings = Record<string, unknown>;

export const CONTAINER_SECRET = 'container-secret-0123456789';
export const DEV_TOKEN = 'dev-token-0123456789';

const keys = JSON.stringify(await newKeySet());

/** Only what is required, for a public address; an undefined change takes a variable away. */
export function bindings(changes: Bindings = {}): Bindings {
  return {
    PUBLIC_URL: 'https://reeve.example.com',
    SIGNING_KEYS: keys,
    CONTAINER_URL: 'https://container.example.com',
    CONTAINER_SECRET,
    ...changes,
  };
}

/** The same on loopback, where short lives and a development token are allowed. */
export const loopbackBindings = (changes: Bindings = {}): Bindings =>
  bindings({ PUBLIC_URL: 'http://127.0.0.1:8787', CONTAINER_URL: 'http://127.0.0.1:8790', ...changes });

/** The configuration of valid bindings. */
export function configOf(given: Bindings): Config {
  const config = parseConfig(given);
  if (!config.ok) throw new Error(config.error.map(({ variable, rule }) => `${variable} ${rule}`).join('; '));
  return config.value;
}
