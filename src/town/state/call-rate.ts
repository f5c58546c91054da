const MINUTE_MS = 60_000;

/**
 * How often each caller calls. A window of a minute, the same for all callers of the town, in memory only: a write for each call
 * would cost more than the call. An object that was evicted counts anew; that takes ten seconds without a call of any of them,
 * so it bounds the load of a town all the same.
 */
export class CallRate<Caller extends string> {
  readonly #most: number;
  #startedAtMs = 0;
  readonly #calls = new Map<Caller, number>();

  /** `most`: calls of one caller in a window. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Counts a call. `refused_first` is the first of a window that is too many: one line of the log for all of them. */
  take(caller: Caller, nowMs: number): 'taken' | 'refused_first' | 'refused' {
    if (nowMs - this.#startedAtMs >= MINUTE_MS || nowMs < this.#startedAtMs) {
      this.#startedAtMs = nowMs;
      this.#calls.clear();
    }
    const calls = (this.#calls.get(caller) ?? 0) + 1;
    this.#calls.set(caller, calls);
    if (calls <= this.#most) return 'taken';
    return calls === this.#most + 1 ? 'refused_first' : 'refused';
  }
}
