/** A new API key, and what is shown of one. */
import { MAX_KEYS_PER_PERSON, type ApiKeyView, type NewApiKey } from '#protocol';
import { timestamp } from '#lib/clock.ts';
import { mapOk, type Result } from '#lib/result.ts';
import type { KeyRefusal } from '../../directory/api-key-store.ts';
import { drawApiKey, prefixOf, type ApiKey } from '../../people/api-key.ts';
import type { Edge } from '../edge/edge.ts';

/** What a person reads of a key. */
export const keyView = ({ id, name, scope, createdAtMs, expiresAtMs, revokedAtMs }: ApiKey): ApiKeyView => ({
  id,
  name,
  scope,
  prefix: prefixOf(id),
  created_at: timestamp(createdAtMs),
  expires_at: timestamp(expiresAtMs),
  revoked_at: timestamp(revokedAtMs),
});

/** Draws and stores a key. Its text is in this answer alone. */
export async function issueKey(
  edge: Edge,
  order: Omit<ApiKey, 'id' | 'digest' | 'revokedAtMs'>,
): Promise<Result<NewApiKey, KeyRefusal>> {
  const { id, text, digest } = await drawApiKey();
  const key: ApiKey = { ...order, id, digest, revokedAtMs: null };
  return mapOk(await edge.apiKeys.add(key, MAX_KEYS_PER_PERSON), () => ({ ...keyView(key), key: text }));
}
