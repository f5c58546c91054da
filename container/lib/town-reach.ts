import { errorFields, isWorthALine, type Log } from './log.ts';

/**
 * Whether the town is reached, as all parts of this process see it together: an outage is logged at its first failures and
 * then ever more rarely, however many agents try, and its end once.
 */
export class TownReach {
  readonly #log: Log;
  #failures = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  failed(path: string, thrown: unknown): void {
    this.#failures += 1;
    if (!isWorthALine(this.#failures)) return;
    this.#log.warn('town_unreachable', { path, failures: this.#failures, ...errorFields(thrown) });
  }

  /** Something answered, whatever it said. */
  reached(): void {
    if (this.#failures > 0) this.#log.info('town_reached', { failures: this.#failures });
    this.#failures = 0;
  }
}
