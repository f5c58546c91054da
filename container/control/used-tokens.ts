/** Far above what a town can send within the minute and a half that a push token lives: 500 a second. */
const MAX_USED = 50_000;

/** The ids of push tokens that were used in one session: each is good once. Memory is bounded by their short life. */
export class UsedTokens {
  /** jti -> end of its life, in the order of use. */
  readonly #ends = new Map<string, number>();

  /**
   * True the first time. The id is kept until `endMs`, after which the token is refused for its age. Where too many are alive
   * the answer is false: refusing a push costs a retry, forgetting one lets it be repeated.
   */
  useOnce(jti: string, endMs: number, nowMs: number): boolean {
    this.#forgetEnded(nowMs);
    if (this.#ends.has(jti) || this.#ends.size >= MAX_USED) return false;
    this.#ends.set(jti, endMs);
    return true;
  }

  /** Oldest first; all live equally long, so the first that is alive ends the search. */
  #forgetEnded(nowMs: number): void {
    for (const [jti, endMs] of this.#ends) {
      if (endMs > nowMs) return;
      this.#ends.delete(jti);
    }
  }
}
