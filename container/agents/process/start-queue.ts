import { afterWhile, type Clock } from '../../lib/clock.ts';
import { StartError } from '../agent-process.ts';

/**
 * Lets a few agents at a time through their handshake, in the order in which they came: many that start at once would share the
 * machine until each of them is too slow. The deadline of a start begins with its turn, so no agent pays for the others.
 */
export class StartQueue {
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(clock: Clock, deadlineMs: number, atOnce: number) {
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
    this.#free = atOnce;
  }

  /** Runs `work` when it is its turn. Rejects with `StartError` past the deadline, and as soon as `life` ends. */
  async run(life: AbortSignal, work: () => Promise<void>): Promise<void> {
    await this.#turn();
    const over = new AbortController();
    try {
      life.throwIfAborted();
      await Promise.race([work(), this.#deadline(over.signal), aborted(life, over.signal)]);
    } finally {
      over.abort();
      this.#leave();
    }
  }

  #turn(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }

  #deadline(over: AbortSignal): Promise<never> {
    const said = `it did not take prompts within ${this.#deadlineMs / 1000} s`;
    return new Promise((_, reject) => {
      afterWhile(this.#clock, over, this.#deadlineMs, () => reject(new StartError('handshake_timeout', said)));
    });
  }
}

function aborted(life: AbortSignal, over: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => reject(new Error('The agent was stopped while it started'));
    life.addEventListener('abort', end, { once: true });
    over.addEventListener('abort', () => life.removeEventListener('abort', end), { once: true });
  });
}
