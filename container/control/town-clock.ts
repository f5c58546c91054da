import type { Clock } from '../clock.ts';

/**
 * The town's time as one session knows it: the `iat` of the request that opened it, plus what the monotonic clock counted since.
 * The container's own time of day may be minutes off and is never asked for the time, only for how much of it went by.
 */
export class TownClock {
  readonly #clock: Clock;
  readonly #openedAtMs: number;
  readonly #wallAtOpeningMs: number;
  #offsetMs: number;

  /** @param openedAtSeconds `iat` of the verified push token of `PUT /session` */
  constructor(clock: Clock, openedAtSeconds: number) {
    this.#clock = clock;
    this.#openedAtMs = openedAtSeconds * 1000;
    this.#wallAtOpeningMs = clock.wallMs();
    this.#offsetMs = this.#openedAtMs - clock.monoMs();
  }

  nowMs(): number {
    return this.#offsetMs + this.#clock.monoMs();
  }

  /**
   * The time to judge a token by that says it was signed at `issuedAtSeconds`: now, or that time where it is later and the
   * machine may have been suspended, in which the monotonic clock stands still. Never later than this machine's own count of
   * the time that went by allows, so that one token from a far future cannot push the clock past its town's.
   */
  judgeMs(issuedAtSeconds: number): number {
    const wentByMs = this.#clock.wallMs() - this.#wallAtOpeningMs;
    return Math.max(this.nowMs(), Math.min(issuedAtSeconds * 1000, this.#openedAtMs + wentByMs));
  }

  /** A token that was verified by `judgeMs` proves that it is at least that late; the clock never goes back. */
  catchUp(issuedAtSeconds: number): void {
    this.#offsetMs = this.judgeMs(issuedAtSeconds) - this.#clock.monoMs();
  }
}
