import { refreshWindowSeconds, type AgentId, type IssuedToken, type SwapOutcome } from '#protocol';
import { Secret } from '#lib/secret.ts';

/** One generation of one agent's token. Never changes, so its reader has all of one generation. */
export class HeldToken {
  readonly inc: number;
  readonly gen: number;
  readonly jti: string;
  /** Both by the town's clock. */
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly text: Secret;

  constructor(token: IssuedToken) {
    this.inc = token.inc;
    this.gen = token.gen;
    this.jti = token.jti;
    this.issuedAtMs = Date.parse(token.issued_at);
    this.expiresAtMs = Date.parse(token.expires_at);
    this.text = new Secret(token.token);
  }

  /** True where it is time to refresh ahead, and true for ever after the end (W-04, W-05). */
  isDue(townNowMs: number): boolean {
    const windowMs = refreshWindowSeconds((this.expiresAtMs - this.issuedAtMs) / 1000) * 1000;
    return this.expiresAtMs - townNowMs < windowMs;
  }
}

/**
 * The current token of one incarnation of one agent (T1). Every consumer of that agent reads it here, at the moment of sending
 * no caller keeps a copy. Replaced in one assignment, so a reader sees the old or the new token, never a mixture.
 */
export class Cell {
  readonly agent: AgentId;
  readonly inc: number;
  #held: HeldToken | null;

  /** Starts with the token that came inside the start request; only a start sets `inc`. */
  constructor(token: IssuedToken) {
    this.agent = token.agent;
    this.inc = token.inc;
    this.#held = new HeldToken(token);
  }

  /** The token to send now; null once the cell is closed. */
  get token(): HeldToken | null {
    return this.#held;
  }

  /**
   * Compare-and-set: generations only grow (T2), and of two tokens of one generation the first is kept.
   * `unknown_agent` where the cell is closed: nothing is put into it again (T3).
   */
  swap(token: IssuedToken): Exclude<SwapOutcome, 'retired'> {
    const held = this.#held;
    if (held === null) return 'unknown_agent';
    if (token.agent !== this.agent || token.inc !== this.inc) return 'incarnation_mismatch';
    if (token.gen < held.gen) return 'stale';
    if (token.gen === held.gen) return token.jti === held.jti ? 'current' : 'conflict';
    this.#held = new HeldToken(token);
    return 'applied';
  }

  /** Forgets the token for good. */
  close(): void {
    this.#held = null;
  }
}
