import type { Clock } from '../clock.ts';

/**
 * The town's time as one session knows it: the `iat` of the request that opened it, plus what the monotonic clock counted since.
 * The container's own clock may be minutes off and is never asked.
 */
export class TownClock {
  readonly #clock: Clock;
  readonly #offsetMs: number;

  /** @param openedAtSeconds `iat` of the verified push token of `PUT /session` */
  constructor(clock: Clock, openedAtSeconds: number) {
    this.#clock = clock;
    this.#offsetMs = openedAtSeconds * 1000 - clock.monoMs();
  }

  nowMs(): number {
    return this.#offsetMs + this.#clock.monoMs();
  }
}
