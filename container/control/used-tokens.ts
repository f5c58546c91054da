/** Far above what a town can send within the minute and a half that a push token lives: 500 a second. */
const MAX_USED = 50_000;
/** Ids that are remembered past their end: the town's clock may be set back, and what had ended is young again. */
const REMEMBERED_ENDED = 2_000;

/** The ids of push tokens that were used in one session: each is good once, whichever way the session's clock is moved. */
export class UsedTokens {
  /** jti -> end of its life, in the order of use. */
  readonly #ends = new Map<string, number>();
  /** The latest end among the ids that were forgotten: a token that ends no later may be one of them. */
  #forgottenEndMs = Number.NEGATIVE_INFINITY;

  /** Whether this token may have been used before. Changes nothing. */
  mayBeUsed(jti: string, endMs: number): boolean {
    return this.#ends.has(jti) || endMs <= this.#forgottenEndMs;
  }

  /**
   * True the first time. The id is kept at least until `endMs`, after which the token is refused for its age. Where too many
   * are alive the answer is false: refusing a push costs a retry, forgetting one lets it be repeated.
   */
  useOnce(jti: string, endMs: number, nowMs: number): boolean {
    if (this.mayBeUsed(jti, endMs)) return false;
    this.#forgetEnded(nowMs);
    if (this.#ends.size >= MAX_USED) return false;
    this.#ends.set(jti, endMs);
    return true;
  }

  /** Oldest first, down to those that are remembered past their end; the first that is alive ends the search. */
  #forgetEnded(nowMs: number): void {
    for (const [jti, endMs] of this.#ends) {
      if (this.#ends.size <= REMEMBERED_ENDED || endMs > nowMs) return;
      this.#ends.delete(jti);
      this.#forgottenEndMs = Math.max(this.#forgottenEndMs, endMs);
    }
  }
}
