import { backoffMs } from '#lib/backoff.ts';
import { afterWhile, type Cancel } from '../lib/clock.ts';
import { errorFields, isWorthALine } from '../lib/log.ts';
import type { Platform } from '../lib/platform.ts';

/** Backoff between rounds that throw. No jitter: the fault is inside this process, so there is no shared server to protect. */
const RESTART = { firstMs: 1_000, maxMs: 30_000, jitter: 'equal' } as const;

interface LoopParts {
  readonly platform: Platform;
  /** One round. */
  readonly round: () => Promise<void>;
  /** In how many ms the next round is due; null where there is none until `wake`. */
  readonly dueInMs: () => number | null;
  readonly life: AbortSignal;
  /** Both for the log. */
  readonly loop: string;
  readonly agent: string;
}

/**
 * Rounds, one after the other, never two at once (W-18). A round that breaks is logged, and the loop goes on with the next one
 * (M-21): no agent loses its loops, and no process its other agents, by what goes wrong in one round. Ends with `life`.
 */
export class Loop {
  readonly #parts: LoopParts;
  #isUnderWay = false;
  /** Takes back the round that is due; null where none is. */
  #cancelDue: Cancel | null = null;
  /** Rounds in a row that broke. */
  #failures = 0;
  #whenIdle: (() => void)[] = [];

  constructor(parts: LoopParts) {
    this.#parts = parts;
    parts.life.addEventListener('abort', () => this.rest(), { once: true });
  }

  /** There may be something to do. Changes nothing where a round is due already; after one under way it is asked anyway. */
  wake(): void {
    if (this.#isUnderWay || this.#cancelDue !== null) return;
    const { platform, life, dueInMs } = this.#parts;
    const waitMs = life.aborted ? null : dueInMs();
    if (waitMs === null) return this.#idle();
    const restartMs = this.#failures === 0 ? 0 : backoffMs(RESTART, this.#failures, 1);
    this.#cancelDue = afterWhile(platform.clock, life, Math.max(waitMs, restartMs), () => void this.#run());
  }

  /** There may be something to do earlier than the round that is due. */
  replan(): void {
    if (this.#isUnderWay) return;
    this.#cancelDue?.();
    this.#cancelDue = null;
    this.wake();
  }

  /** Begins a round in this very step, in place of one that is due. Changes nothing where one is under way. */
  runNow(): void {
    if (this.#isUnderWay || this.#parts.life.aborted) return;
    this.#cancelDue?.();
    void this.#run();
  }

  /** Takes back the round that is due; one under way goes on to its end. */
  rest(): void {
    this.#cancelDue?.();
    this.#cancelDue = null;
    if (!this.#isUnderWay) this.#idle();
  }

  /** Resolves when no round is under way and none is due. */
  idle(): Promise<void> {
    if (!this.#isUnderWay && this.#cancelDue === null) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  async #run(): Promise<void> {
    this.#cancelDue = null;
    this.#isUnderWay = true;
    try {
      await this.#parts.round();
      this.#failures = 0;
    } catch (thrown) {
      this.#broke(thrown);
    }
    this.#isUnderWay = false;
    // Asked in the same step, so that nothing which happens in between is missed.
    this.wake();
  }

  #broke(thrown: unknown): void {
    const { platform, loop, agent } = this.#parts;
    this.#failures += 1;
    if (!isWorthALine(this.#failures)) return;
    platform.log.error('loop_failed', { loop, agent, failures: this.#failures, ...errorFields(thrown) });
  }

  #idle(): void {
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const resolve of waiting) resolve();
  }
}
