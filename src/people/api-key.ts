/** The text of an API key: `reeve_<20 of the id>_<256 bits>`. Only its digest is stored. */
import { keyIdSchema, makeId, type KeyId, type PersonScope } from '#protocol';
import { base64url, randomBytes, sameDigest, sha256 } from '#lib/secret.ts';
import type { PersonAuthenticator } from './person.ts';

/** A key as it is stored. */
export interface ApiKey {
  readonly id: KeyId;
  /** The person for whom it speaks. */
  readonly person: string;
  readonly name: string;
  readonly scope: PersonScope;
  /** SHA-256 of the whole text, base64url. */
  readonly digest: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly revokedAtMs: number | null;
  /** The key with whose sign-in link it was got, and with which it is revoked; null: it was made by itself. */
  readonly parent: KeyId | null;
}

const ID_BYTES = 20;
const SECRET_BYTES = 32;
const TEXT = /^reeve_([0-9a-z]{20})_[A-Za-z0-9_-]{43}$/;

/** A new id with its text, which was not shown yet. */
export async function drawApiKey(): Promise<{ readonly id: KeyId; readonly text: string; readonly digest: string }> {
  const id = keyIdSchema.parse(makeId('key', randomBytes(ID_BYTES)));
  const text = `${prefixOf(id)}_${base64url(randomBytes(SECRET_BYTES))}`;
  return { id, text, digest: await sha256(text) };
}

/** How the text of a key begins. */
export const prefixOf = (id: KeyId): string => `reeve_${id.slice('key_'.length)}`;

/** People by API key. A key that is over, revoked or not there is the same as a wrong one. */
export function apiKeyAuthenticator(
  find: (id: KeyId) => Promise<ApiKey | null>,
  now: () => number,
): PersonAuthenticator {
  return {
    authenticate: async (bearer) => {
      const id = keyIdSchema.safeParse(`key_${TEXT.exec(bearer)?.[1] ?? ''}`);
      const key = id.success ? await find(id.data) : null;
      if (key === null || !sameDigest(key.digest, await sha256(bearer))) return null;
      if (key.revokedAtMs !== null || key.expiresAtMs <= now()) return null;
      return { id: key.person, endsAtMs: key.expiresAtMs, scope: key.scope, key: key.id };
    },
  };
}
