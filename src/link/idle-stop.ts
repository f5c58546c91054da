/**
 * When a container of the platform stops: `sleepAfterMs` after its last use, unless an agent in it is at work. An alarm of the object looks
 * for that, so nothing keeps the object in memory meanwhile.
 */
import type { RunningAgents } from '#protocol';
import type { Clock } from '#lib/clock.ts';
import type { Log } from '#lib/log.ts';
import type { ActivityStore } from './activity-store.ts';
import type { ContainerBackend, ContainerLifecycle } from './container-link.ts';

/** Uses within this (ms) of each other, or within a tenth of the time until it ends, are written as one. */
const USE_STEP_MS = 30_000;
/** Looked for at least this often (ms) while it runs. */
const MAX_CHECK_MS = 300_000;
/** Without an alarm the platform ends it this much (ms) after two checks that did not come. */
const KEEP_MARGIN_MS = 60_000;
/** After SIGTERM what is still there (ms) is destroyed: with no turn under way soon, and otherwise where its drain should be long over. */
const DRAIN_MS = 60_000;
const MAX_DRAIN_MS = 900_000;
/** One that does not say whether an agent is at work goes on for at least so long (ms) after its last use. */
const UNKNOWN_MS = 3_600_000;
/** A container that was started this long (ms) ago may not listen yet. */
export const START_MS = 10_000;

/** What the end of an idle container is decided on and done with; `sleepAfterMs` counts from its last use. */
export interface IdleParts {
  readonly activity: ActivityStore;
  readonly backend: Pick<ContainerBackend, 'running'>;
  readonly lifecycle: ContainerLifecycle;
  readonly clock: Clock;
  readonly log: Log;
  readonly container: string;
  readonly sleepAfterMs: number;
  /** Sets the one alarm of the object. */
  readonly setAlarm: (atMs: number) => Promise<void>;
  /** What runs there, in the session that holds; null: it does not say. Without a session nothing runs. */
  readonly list: () => Promise<RunningAgents | null>;
}

/** Ends a container of the platform that is not used: SIGTERM first; a minute later it is destroyed. Never under a turn that it reports. */
export class IdleStop {
  readonly #parts: IdleParts;

  constructor(parts: IdleParts) {
    this.#parts = parts;
  }

  /** Whether it was started so short a while ago that it may not listen yet. */
  get isStarting(): boolean {
    const { activity, backend, clock } = this.#parts;
    const run = activity.get();
    return run !== null && backend.running() && clock.now() - run.startedAtMs < START_MS;
  }

  /** It was started just now: from here on the platform lets it outlive this object's time in memory. */
  async started(): Promise<void> {
    const { activity, clock } = this.#parts;
    activity.started(clock.now());
    await this.#plan();
    await this.#parts.lifecycle.keep(2 * this.#checkMs + KEEP_MARGIN_MS);
  }

  /** A person or an agent needs it. */
  used(): void {
    const { activity, clock, sleepAfterMs } = this.#parts;
    const run = activity.get();
    const stepMs = Math.min(USE_STEP_MS, sleepAfterMs / 10);
    if (run !== null && clock.now() - run.usedAtMs >= stepMs) activity.used(clock.now());
  }

  /** What the alarm does. The next one is set before anything is asked. */
  async onAlarm(): Promise<void> {
    const { activity, backend, lifecycle, clock, sleepAfterMs } = this.#parts;
    const run = activity.get();
    if (run === null || !backend.running()) {
      activity.over();
      return;
    }
    await this.#plan();
    if (run.endingAtMs !== null) {
      const endingMs = clock.now() - run.endingAtMs;
      // A turn that began just before the signal goes on to its end.
      if (endingMs >= MAX_DRAIN_MS || (endingMs >= DRAIN_MS && (await this.#isAtWork()) !== true)) await this.destroy();
      return;
    }
    await lifecycle.keep(2 * this.#checkMs + KEEP_MARGIN_MS);
    const isAtWork = await this.#isAtWork();
    if (isAtWork === true) {
      activity.used(clock.now());
      return;
    }
    // Read again: what came in the meantime is a use.
    const usedAtMs = activity.get()?.usedAtMs ?? clock.now();
    if (clock.now() - usedAtMs < (isAtWork === null ? Math.max(sleepAfterMs, UNKNOWN_MS) : sleepAfterMs)) return;
    this.#parts.log.info('container.idle', { container: this.#parts.container });
    activity.ending(clock.now());
    await this.#plan(DRAIN_MS);
    lifecycle.end();
  }

  /** Ends it at once, with all that is in it. */
  async destroy(): Promise<void> {
    const { activity, backend, lifecycle } = this.#parts;
    activity.over();
    if (backend.running()) await lifecycle.destroy();
  }

  get #checkMs(): number {
    return Math.min(this.#parts.sleepAfterMs, MAX_CHECK_MS);
  }

  #plan(waitMs = this.#checkMs): Promise<void> {
    return this.#parts.setAlarm(this.#parts.clock.now() + waitMs);
  }

  /** Null: it does not say. */
  async #isAtWork(): Promise<boolean | null> {
    const running = await this.#parts.list();
    const messages = running?.agents.flatMap((agent) => agent.messages);
    return messages?.some(({ state }) => state === 'delivered' || state === 'working') ?? null;
  }
}
