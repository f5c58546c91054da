import type { Clock } from '../clock.ts';

/**
 * The town's time as one session knows it: the `iat` of the request that opened it, plus what the monotonic clock counted since.
 * The container's own clock may be minutes off and is never asked.
 */
export class TownClock {
  readonly #clock: Clock;
  #offsetMs: number;

  /** @param openedAtSeconds `iat` of the verified push token of `PUT /session` */
  constructor(clock: Clock, openedAtSeconds: number) {
    this.#clock = clock;
    this.#offsetMs = openedAtSeconds * 1000 - clock.monoMs();
  }

  /**
   * A request that the town signed later than this clock thinks it is: the machine was suspended, in which the monotonic clock
   * stands still. The clock moves ahead to it, never back.
   * @param issuedAtSeconds `iat` of a verified push token
   */
  catchUp(issuedAtSeconds: number): void {
    this.#offsetMs = Math.max(this.#offsetMs, issuedAtSeconds * 1000 - this.#clock.monoMs());
  }

  nowMs(): number {
    return this.#offsetMs + this.#clock.monoMs();
  }
}
