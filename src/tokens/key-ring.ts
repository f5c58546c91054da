import { calculateJwkThumbprint, importJWK, type CryptoKey } from 'jose';
import { TOKEN_ALG } from '#protocol';
import type { KeyState, PrivateKeySet } from './key-set.ts';

interface RingKey {
  readonly kid: string;
  readonly state: KeyState;
  readonly publicKey: CryptoKey;
}

/**
 * The imported keys of one isolate. Importing costs more than signing, so a ring is made once per object or isolate and kept;
 * CryptoKeys cannot be stored.
 */
export class KeyRing {
  readonly #keys: ReadonlyMap<string, RingKey>;
  readonly #signing: { readonly kid: string; readonly key: CryptoKey };

  private constructor(keys: ReadonlyMap<string, RingKey>, signing: { kid: string; key: CryptoKey }) {
    this.#keys = keys;
    this.#signing = signing;
  }

  /** Imports every key. Throws where a kid is not its key's RFC 7638 thumbprint or a key is no valid P-256 pair. */
  static async import(set: PrivateKeySet): Promise<KeyRing> {
    const keys = new Map<string, RingKey>();
    let signing: { kid: string; key: CryptoKey } | undefined;
    for (const { kty, crv, x, y, d, kid, reeve_state: state } of set.keys) {
      if ((await calculateJwkThumbprint({ kty, crv, x, y })) !== kid) {
        throw new TypeError('SIGNING_KEYS: a kid is not the RFC 7638 thumbprint of its key');
      }
      keys.set(kid, { kid, state, publicKey: await cryptoKey({ kty, crv, x, y }) });
      if (state === 'active') signing = { kid, key: await cryptoKey({ kty, crv, x, y, d }) };
    }
    if (signing === undefined) throw new TypeError('SIGNING_KEYS: no active key');
    return new KeyRing(keys, signing);
  }

  /** The active key, which signs everything. */
  get signing(): { readonly kid: string; readonly key: CryptoKey } {
    return this.#signing;
  }

  /** The key that a token names, tainted ones too, so that the caller can tell a tainted key from an unknown one. */
  find(kid: string): RingKey | undefined {
    return this.#keys.get(kid);
  }
}

async function cryptoKey(jwk: { kty: string; crv: string; x: string; y: string; d?: string }): Promise<CryptoKey> {
  const key = await importJWK(jwk, TOKEN_ALG);
  if (key instanceof Uint8Array) throw new TypeError('SIGNING_KEYS: not an asymmetric key');
  return key;
}
