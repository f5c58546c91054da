import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import { where } from '#protocol';
import { publicKeySetSchema, type PublicKeySet } from '../config.ts';
import { isWorthALine } from '../lib/log.ts';
import type { Platform } from '../lib/platform.ts';
import { requestTown } from '../clients/town-request.ts';

/** Keys older than this are fetched again, so that a key that was taken out is refused here too. */
const MAX_AGE_MS = 600_000;
/** At most one fetch in so long, whatever arrives (W-34). */
const SPACING_MS = 30_000;
const TIMEOUT_MS = 5_000;

/** The town's public keys: a seed from the configuration, then what the Worker publishes. Holds public keys only. */
export class KeySource {
  readonly #platform: Platform;
  readonly #url: string;
  readonly #life: AbortSignal;
  #keysText: string;
  #find: JWTVerifyGetKey;
  #heldSinceMs: number;
  #triedAtMs: number | null = null;
  #flight: Promise<void> | null = null;
  /** Fetches in a row that failed. */
  #failures = 0;

  constructor(platform: Platform, apiUrl: string, seed: PublicKeySet, life: AbortSignal) {
    this.#platform = platform;
    this.#url = `${apiUrl}/.well-known/jwks.json`;
    this.#life = life;
    this.#keysText = JSON.stringify(seed);
    this.#find = createLocalJWKSet(seed);
    this.#heldSinceMs = platform.clock.monoMs();
  }

  /** The key that a token names, for `jwtVerify`. An unknown kid is fetched once; rejects where it stays unknown. */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    // Old keys still serve while new ones are on their way: an unreachable town must not slow down every push.
    if (this.#isOld()) void this.#refresh();
    try {
      return await this.#find(header, token);
    } catch (thrown) {
      if (!(thrown instanceof errors.JWKSNoMatchingKey)) throw thrown;
      await this.#refresh();
      return this.#find(header, token);
    }
  };

  #isOld(): boolean {
    return this.#platform.clock.monoMs() - this.#heldSinceMs > MAX_AGE_MS;
  }

  /** Joins the fetch under way, or starts one if the last is long enough ago. */
  #refresh(): Promise<void> {
    const now = this.#platform.clock.monoMs();
    if (this.#flight === null && (this.#triedAtMs === null || now - this.#triedAtMs >= SPACING_MS)) {
      this.#triedAtMs = now;
      this.#flight = this.#fetch().finally(() => {
        this.#flight = null;
      });
    }
    return this.#flight ?? Promise.resolve();
  }

  /** On any failure the old keys stay. */
  async #fetch(): Promise<void> {
    const { clock, log } = this.#platform;
    const request = {
      method: 'GET',
      url: this.#url,
      bearer: null,
      body: null,
      // An empty set is no way to revoke: it is a Worker without configuration.
      answer: where(publicKeySetSchema, ({ keys }) => keys.length > 0),
      timeoutMs: TIMEOUT_MS,
      life: this.#life,
    } as const;
    const answer = await requestTown(this.#platform, request);
    if (answer.kind !== 'ok') {
      this.#failures += 1;
      const why = answer.kind === 'refused' ? { status: answer.status } : { reason: answer.reason };
      if (isWorthALine(this.#failures)) log.warn('keys_not_fetched', { failures: this.#failures, ...why });
      return;
    }
    if (this.#failures > 0) log.info('keys_fetched', { failures: this.#failures });
    this.#failures = 0;
    this.#heldSinceMs = clock.monoMs();
    this.#replace(answer.value);
  }

  /** The set is built anew only where it changed: building imports each key again at its next use. */
  #replace(keys: PublicKeySet): void {
    const text = JSON.stringify(keys);
    if (text === this.#keysText) return;
    this.#keysText = text;
    this.#find = createLocalJWKSet(keys);
    this.#platform.log.info('keys_changed', { keys: keys.keys.length });
  }
}
