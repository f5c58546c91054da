import { isWorthALine, type Log } from '../lib/log.ts';

/** Refusals in a row that are warned of one by one; the next is an error with advice, and then each twentieth, ever more rarely (M-17). */
const WARNED_REFUSALS = 2;
const REFUSALS_PER_ERROR = 20;
const ADVICE = 'the town does not accept this agent’s token: force a refresh, or start the agent again';

/** Counts the 401 and 403 that one loop gets in a row, apart from losses: these do not pass by themselves (M-17). */
export class RefusalCount {
  readonly #log: Log;
  readonly #event: string;
  readonly #agent: string;
  #refusals = 0;

  constructor(log: Log, event: string, agent: string) {
    this.#log = log;
    this.#event = event;
    this.#agent = agent;
  }

  /** Counts an answer if it is a refusal, and says so where that is worth a line; false where it is none. */
  takes(status: number): boolean {
    if (status !== 401 && status !== 403) return false;
    this.#refusals += 1;
    const fields = { agent: this.#agent, status, refusals: this.#refusals };
    if (this.#refusals <= WARNED_REFUSALS) this.#log.warn(this.#event, fields);
    else if (isWorthALine(this.#refusals, REFUSALS_PER_ERROR)) {
      this.#log.error(this.#event, { ...fields, advice: ADVICE });
    }
    return true;
  }

  /** A call succeeded. */
  clear(): void {
    this.#refusals = 0;
  }
}
