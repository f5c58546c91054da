import type { Clock as ContainerClock } from '../../../container/lib/clock.ts';
import type { Clock } from '../../../src/lib/clock.ts';

/** Far ahead of the real time: an alarm that is set by this clock never rings by itself in the test pool. */
const START_MS = Date.UTC(2100, 0, 1);

/** Time that moves only when a test moves it, for towns and containers alike. */
export class LabClock implements Clock {
  #now = START_MS;
  #stepMs = 0;
  #timers: { at: number; run: () => void }[] = [];

  /** The time of the towns. */
  now(): number {
    return this.#now + this.#stepMs;
  }

  /** From now on the towns' clock is so far (ms) from where it began; containers and their timers go on as they were. */
  stepTowns(ms: number): void {
    this.#stepMs = ms;
  }

  /** Jumps ahead and runs the timers that fall due, in order, each at its own time. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = until;
  }

  stopTimers(): void {
    this.#timers = [];
    this.#stepMs = 0;
  }

  forContainer(): ContainerClock {
    return {
      wallMs: () => this.#now,
      monoMs: () => this.#now - START_MS,
      after: (ms, run) => {
        const timer = { at: this.#now + ms, run };
        this.#timers.push(timer);
        return () => {
          this.#timers = this.#timers.filter((other) => other !== timer);
        };
      },
    };
  }
}
