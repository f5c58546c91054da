import type { Clock as ContainerClock } from '../../../container/lib/clock.ts';
import type { Clock } from '../../../src/lib/clock.ts';

/** Far ahead of the real time: an alarm that is set by this clock never rings by itself in the test pool. */
const START_MS = Date.UTC(2100, 0, 1);

interface Timer {
  readonly at: number;
  readonly run: () => void;
  isOver: boolean;
}

/** Time that moves only when a test moves it, for towns and containers alike. */
export class LabClock implements Clock {
  #now = START_MS;
  #stepMs = 0;
  /** In the order in which they fall due: a fleet has tens of thousands of them. */
  #timers: Timer[] = [];

  /** The time of the towns. */
  now(): number {
    return this.#now + this.#stepMs;
  }

  /** From now on the towns' clock is so far (ms) from where it began; containers and their timers go on as they were. */
  stepTowns(ms: number): void {
    this.#stepMs = ms;
  }

  /** When the next timer falls due, in the time of the containers; `Infinity` where none is set. */
  nextTimerAt(): number {
    return this.#timers.find(({ isOver }) => !isOver)?.at ?? Infinity;
  }

  /** Jumps ahead and runs the timers that fall due, in order, each at its own time. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (let next = this.#timers[0]; next !== undefined && next.at <= until; next = this.#timers[0]) {
      this.#timers.shift();
      if (next.isOver) continue;
      next.isOver = true;
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
        const timer = { at: this.#now + ms, run, isOver: false };
        this.#timers.splice(this.#placeOf(timer.at), 0, timer);
        return () => void (timer.isOver = true);
      },
    };
  }

  /** Behind all that fall due then or before. */
  #placeOf(at: number): number {
    let [from, to] = [0, this.#timers.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((this.#timers[middle]?.at ?? Infinity) <= at) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
