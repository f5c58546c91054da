/** The life of the signing keys: edits of a key set that keep its rules, and new keys. Only the new keys need cryptography. */
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { TOKEN_ALG } from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import { MAX_KEYS, privateKeySchema, type KeyState, type PrivateKey, type PrivateKeySet } from './key-set.ts';

/** Why an edit is refused: `next_exists` one is published ahead already; `no_next` there is none to activate; `full` 16 keys. */
export type KeyEditRefusal = 'next_exists' | 'no_next' | 'unknown_kid' | 'full';
type Edited = Result<PrivateKeySet, KeyEditRefusal>;

/** Publishes `fresh` ahead as `next`, so that verifiers know it before it signs. */
export function rotated(set: PrivateKeySet, fresh: PrivateKey): Edited {
  if (find(set, 'next') !== undefined) return err('next_exists');
  return withKey(set.keys, { ...fresh, reeve_state: 'next' });
}

/** The `next` key signs from now on; what the old one signed lives to its end. */
export function activated(set: PrivateKeySet): Edited {
  const next = find(set, 'next');
  if (next === undefined) return err('no_next');
  const active = find(set, 'active');
  return ok({
    keys: set.keys.map((key) => {
      if (key === next) return { ...key, reeve_state: 'active' };
      return key === active ? { ...key, reeve_state: 'verify' } : key;
    }),
  });
}

/**
 * Nothing that the key signed is accepted any more. Where it is the active one, `next` signs in its place, or `spare` where
 * there is none. Tainting a tainted key changes nothing.
 */
export function tainted(set: PrivateKeySet, kid: string, spare: PrivateKey): Edited {
  const bad = set.keys.find((key) => key.kid === kid);
  if (bad === undefined) return err('unknown_kid');
  const keys = set.keys.map((key): PrivateKey => (key === bad ? { ...key, reeve_state: 'tainted' } : key));
  if (bad.reeve_state !== 'active') return ok({ keys });
  const next = find(set, 'next');
  if (next === undefined) return withKey(keys, { ...spare, reeve_state: 'active' });
  return ok({ keys: keys.map((key) => (key.kid === next.kid ? { ...key, reeve_state: 'active' } : key)) });
}

/** Forgets the keys that sign no more: `verify` and `tainted` ones. Tokens that they signed are refused as of an unknown key. */
export function pruned(set: PrivateKeySet): PrivateKeySet {
  return { keys: set.keys.filter(({ reeve_state: state }) => state === 'active' || state === 'next') };
}

/** A fresh ES256 pair with its RFC 7638 thumbprint as kid. */
export async function newKey(state: KeyState): Promise<PrivateKey> {
  const { privateKey } = await generateKeyPair(TOKEN_ALG, { extractable: true });
  const jwk = await exportJWK(privateKey);
  return privateKeySchema.parse({ ...jwk, kid: await calculateJwkThumbprint(jwk), reeve_state: state });
}

/** A set of one fresh key, which is active. */
export async function newKeySet(): Promise<PrivateKeySet> {
  return { keys: [await newKey('active')] };
}

function find(set: PrivateKeySet, state: KeyState): PrivateKey | undefined {
  return set.keys.find((key) => key.reeve_state === state);
}

function withKey(keys: readonly PrivateKey[], fresh: PrivateKey): Edited {
  return keys.length < MAX_KEYS ? ok({ keys: [...keys, fresh] }) : err('full');
}
