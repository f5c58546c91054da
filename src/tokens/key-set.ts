/** The signing keys as configured: a private JWK Set (RFC 7517) in which each key says what it is used for. Pure, no cryptography. */
import { z } from 'zod';

const coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be 32 bytes in base64url');

/**
 * `active`: signs, exactly one. `next`: published ahead, so that verifiers know it before it signs. `verify`: signs no more,
 * its tokens live to their end. `tainted`: no longer published, its tokens are refused.
 */
export const KEY_STATES = ['active', 'next', 'verify', 'tainted'] as const;
export type KeyState = (typeof KEY_STATES)[number];

/** Keys of one set: the active one, the next, and years of old ones; 16 fit the 5 KB that a Worker's secret may have. */
export const MAX_KEYS = 16;

/** What no schema shows, but only the import of the keys. */
export const KEYS_RULE = 'must hold valid P-256 key pairs, each with the RFC 7638 thumbprint of its key as kid';

/** One P-256 signing key as a JWK, with its state. */
export const privateKeySchema = z.object({
  kty: z.literal('EC', 'must be EC'),
  crv: z.literal('P-256', 'must be P-256'),
  x: coordinate,
  y: coordinate,
  d: coordinate,
  /** RFC 7638 thumbprint; checked where the key is imported. */
  kid: coordinate,
  alg: z.literal('ES256').default('ES256'),
  use: z.literal('sig').default('sig'),
  reeve_state: z.enum(KEY_STATES),
});

/** `SIGNING_KEYS`: exactly one active key, and no kid twice. */
export const privateKeySetSchema = z
  .object({
    keys: z
      .array(privateKeySchema)
      .min(1, 'must hold at least one key')
      .max(MAX_KEYS, `must hold at most ${MAX_KEYS} keys`),
  })
  .refine(
    (set) => set.keys.filter((key) => key.reeve_state === 'active').length === 1,
    'must hold exactly one active key',
  )
  .refine((set) => new Set(set.keys.map((key) => key.kid)).size === set.keys.length, 'must not hold a kid twice');

/** A key as it is configured. `d` signs: it is never logged and never published. */
export type PrivateKey = z.infer<typeof privateKeySchema>;
/** `SIGNING_KEYS` once it is parsed; whether the numbers are keys is found when they are imported (`KEYS_RULE`). */
export type PrivateKeySet = z.infer<typeof privateKeySetSchema>;

/** A public key as `/.well-known/jwks.json` shows it. */
export interface PublicKey {
  kty: 'EC';
  crv: 'P-256';
  x: string;
  y: string;
  kid: string;
  alg: 'ES256';
  use: 'sig';
}

/** The key that signs. The schema makes sure that there is exactly one. */
export function activeKid(set: PrivateKeySet): string {
  return set.keys.find((key) => key.reeve_state === 'active')?.kid ?? '';
}

/** Changes whenever a key comes, goes or changes its state, and holds no secret. */
export function fingerprint(set: PrivateKeySet): string {
  return set.keys
    .map(({ kid, reeve_state: state }) => `${kid}=${state}`)
    .toSorted()
    .join(' ');
}

/** What the world may see: next, active and verify keys, without `d`, in a stable order. */
export function publicKeys(set: PrivateKeySet): { keys: PublicKey[] } {
  const order: readonly KeyState[] = ['active', 'next', 'verify'];
  return {
    keys: order.flatMap((state) =>
      set.keys
        .filter((key) => key.reeve_state === state)
        .map(({ kty, crv, x, y, kid, alg, use }) => ({ kty, crv, x, y, kid, alg, use })),
    ),
  };
}
