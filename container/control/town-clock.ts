import type { Clock } from '../lib/clock.ts';

/** Times in tokens are whole seconds (NumericDate): what was signed just now may say so much less (ms). */
const TRUNCATED_MS = 1_000;

/**
 * The town's time as one session knows it: the `iat` of the request that opened it, plus what the monotonic clock counted since.
 * The container's own time of day may be minutes off and is never asked for the time, only for how much of it went by.
 * Where the town's own clock is stepped, the next answer to a pull says so, and the count begins anew from there.
 */
export class TownClock {
  readonly #clock: Clock;
  /** A time of the town, and what this machine's time of day was when it arrived. */
  #lastTownMs: number;
  #wallAtLastMs: number;
  #offsetMs: number;

  /** @param openedAtSeconds `iat` of the verified push token of `PUT /session` */
  constructor(clock: Clock, openedAtSeconds: number) {
    this.#clock = clock;
    this.#lastTownMs = openedAtSeconds * 1000;
    this.#wallAtLastMs = clock.wallMs();
    this.#offsetMs = this.#lastTownMs - clock.monoMs();
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
    const wentByMs = this.#clock.wallMs() - this.#wallAtLastMs;
    return Math.max(this.nowMs(), Math.min(issuedAtSeconds * 1000, this.#lastTownMs + wentByMs));
  }

  /** A token that was verified by `judgeMs` proves that it is at least that late; a push never sets the clock back. */
  catchUp(issuedAtSeconds: number): void {
    this.#offsetMs = this.judgeMs(issuedAtSeconds) - this.#clock.monoMs();
  }

  /**
   * The town answered a request of this session with its time. Unlike a push, which an attacker may have recorded, the
   * answer is not older than the question, so it moves the clock in both directions. A clock that already agrees is left as
   * it is.
   * @param answeredAtTownMs the town's time when it answered
   * @param askedAtMonoMs when the question was sent, by the monotonic clock: the answer travelled no longer than since then
   */
  rebase(answeredAtTownMs: number, askedAtMonoMs: number): void {
    const monoMs = this.#clock.monoMs();
    const latestMs = answeredAtTownMs + TRUNCATED_MS + (monoMs - askedAtMonoMs);
    const nowMs = Math.min(Math.max(this.nowMs(), answeredAtTownMs), latestMs);
    if (nowMs === this.nowMs()) return;
    this.#lastTownMs = nowMs;
    this.#wallAtLastMs = this.#clock.wallMs();
    this.#offsetMs = nowMs - monoMs;
  }
}
