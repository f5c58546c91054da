import { env } from 'cloudflare:test';
import { ApiKeyStore } from '../../../src/directory/api-key-store.ts';
import { drawApiKey } from '../../../src/people/api-key.ts';
import type { PersonScope } from '../../../src/protocol/index.ts';
import { lab } from './lab.ts';

const DAY_MS = 86_400_000;

/** An API key of a person, in the directory, for a day: its id, and its text. */
export async function apiKeyOf(
  person: string,
  scope: PersonScope = 'admin',
): Promise<{ readonly id: string; readonly text: string }> {
  const { id, text, digest } = await drawApiKey();
  const now = lab.clock.now();
  const times = { createdAtMs: now, expiresAtMs: now + DAY_MS, revokedAtMs: null, parent: null };
  await new ApiKeyStore(env.DIRECTORY).add({ id, digest, person, name: 'robot', scope, ...times }, 100);
  return { id, text };
}
