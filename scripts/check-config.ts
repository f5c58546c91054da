/** The configuration's rules as `npm start` and `npm run deploy` apply them: those of the Worker, and what only cryptography shows. */
import { parseConfig, type ConfigError } from '../src/env.ts';
import { KeyRing } from '../src/tokens/key-ring.ts';
import { KEYS_RULE, type PrivateKeySet } from '../src/tokens/key-set.ts';

/** Every broken rule, or none. An error names the variable and the rule, never the value. */
export async function validateConfig(bindings: Readonly<Record<string, unknown>>): Promise<readonly ConfigError[]> {
  const config = parseConfig(bindings);
  if (!config.ok) return config.error;
  const usable = await canImportAll(config.value.signingKeys);
  return usable ? [] : [{ variable: 'SIGNING_KEYS', rule: KEYS_RULE }];
}

/** Each key is tried as the active one, because only of that one the private part is imported: a bad `next` shows now, not later. */
async function canImportAll({ keys }: PrivateKeySet): Promise<boolean> {
  try {
    for (const key of keys) await KeyRing.import({ keys: [{ ...key, reeve_state: 'active' }] });
    return true;
  } catch {
    return false; // What the platform says may quote the key.
  }
}
