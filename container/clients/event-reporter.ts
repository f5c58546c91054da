import { eventBatchAnswerSchema, where, type EventBatch, type MessageId, type TurnEvent } from '#protocol';
import { backoffMs, randomShare } from '#lib/backoff.ts';
import { isWorthALine } from '../lib/log.ts';
import type { Platform } from '../lib/platform.ts';
import type { AgentClient, CallOutcome } from './agent-client.ts';
import { EventBuffer } from './event-buffer.ts';
import { Loop } from './loop.ts';
import { RefusalCount } from './refusal-count.ts';
import { RefusedEvents, isAboutTheEvents } from './refused-events.ts';

/** Between two batches of what is only shown. */
const BATCH_SPACING_MS = 250;
/** What is waited for, such as a result, goes at once; but so many batches a second at most, whatever is in them. */
const MAX_BATCHES_A_SECOND = 6;
/** Jitter takes half of a wait at most: the shortest one keeps to the rate, too. */
const BACKOFF = { firstMs: 2 * BATCH_SPACING_MS, maxMs: 30_000, jitter: 'equal' } as const;
const TIMEOUT_MS = 10_000;
/** Past these, deltas are dropped: minutes of fast output while the town cannot be reached. */
const MAX_BUFFERED_EVENTS = 2_000;
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

interface ReporterParts {
  readonly platform: Platform;
  readonly client: AgentClient;
  /** Called with each event that the town has stored, so that what was kept for it can go. */
  readonly onAcknowledged: (event: TurnEvent) => void;
  /** The traceparent of a turn; null: it has none. */
  readonly traceOf: (message: MessageId) => string | null;
  readonly life: AbortSignal;
  /** For the log. */
  readonly agent: string;
}

type Failed = Exclude<CallOutcome<never>, { kind: 'ok' | 'over' }>;
type Refused = Extract<Failed, { kind: 'refused' }>;

/**
 * Reports the events of one incarnation, in order. A batch is sent with one counter until the town acknowledges it: the town
 * drops repeats by that counter, so an answer that got lost costs nothing. What is refused for what it says delays nothing
 * behind it for ever: the batch is halved until that event is alone, and `RefusedEvents` decides what becomes of it.
 */
export class EventReporter {
  readonly #parts: ReporterParts;
  readonly #loop: Loop;
  readonly #refusals: RefusalCount;
  readonly #buffer = new EventBuffer(MAX_BUFFERED_EVENTS, MAX_BUFFERED_BYTES);
  readonly #refused = new RefusedEvents();
  #batch: EventBatch | null = null;
  /** The event that is alone in the batch, where something smaller is sent in its place. */
  #original: TurnEvent | null = null;
  #counter = 0;
  #failures = 0;
  /** Monotonic ms of the last batches, the oldest first; and before when none is sent again, after a failure. */
  #sentAtMs: number[] = [];
  #pausedUntilMs = 0;

  constructor(parts: ReporterParts) {
    this.#parts = parts;
    const { platform, life, agent } = parts;
    const round = (): Promise<void> => this.#send();
    this.#refusals = new RefusalCount(platform.log, 'events_refused', agent);
    this.#loop = new Loop({ platform, life, agent, loop: 'events', round, dueInMs: () => this.#dueInMs() });
  }

  add(event: TurnEvent): void {
    if (this.#parts.client.isOver) return;
    this.#parts.platform.metrics.happened(event);
    this.#buffer.add(event);
    this.#loop.replan();
  }

  /** Resolves when everything is acknowledged, or nothing will be any more. */
  drained(): Promise<void> {
    return this.#loop.idle();
  }

  #dueInMs(): number | null {
    if (this.#batch === null && this.#buffer.isEmpty) return null;
    return Math.max(0, this.#dueAtMs() - this.#parts.platform.clock.monoMs());
  }

  #dueAtMs(): number {
    const oldest = this.#sentAtMs.length < MAX_BATCHES_A_SECOND ? undefined : this.#sentAtMs[0];
    const latest = this.#sentAtMs.at(-1);
    const isAwaited = this.#batch === null && this.#buffer.hasAwaited;
    const spacedAtMs = latest === undefined || isAwaited ? 0 : latest + BATCH_SPACING_MS;
    return Math.max(this.#pausedUntilMs, spacedAtMs, oldest === undefined ? 0 : oldest + 1000);
  }

  async #send(): Promise<void> {
    const { platform, client } = this.#parts;
    const batch = (this.#batch ??= {
      counter: this.#counter + 1,
      events: [...this.#buffer.take(this.#refused.batchLimit)],
    });
    this.#sentAtMs = [...this.#sentAtMs, platform.clock.monoMs()].slice(-MAX_BATCHES_A_SECOND);
    const body = JSON.stringify(batch);
    // An answer for another batch acknowledges none of this one.
    const answer = where(eventBatchAnswerSchema, ({ counter }) => counter === batch.counter);
    const to = { method: 'POST', path: '/v1/agent/events', timeoutMs: TIMEOUT_MS } as const;
    const outcome = await client.call({ ...to, body, answer, traceparent: this.#traceOf(batch) });
    platform.metrics.reported(outcome.kind);
    if (outcome.kind === 'over') this.#drop();
    else if (outcome.kind === 'ok') this.#acknowledged(batch);
    else this.#failed(batch, outcome);
  }

  /** That of its turn, where all of it is about one. */
  #traceOf({ events }: EventBatch): string | null {
    const [message, ...others] = new Set(events.map((event) => ('message' in event ? event.message : null)));
    return message === undefined || message === null || others.length > 0 ? null : this.#parts.traceOf(message);
  }

  #acknowledged(batch: EventBatch): void {
    const { platform, agent } = this.#parts;
    if (this.#original !== null) this.#lost('result_replaced', this.#original);
    for (const event of batch.events) this.#refused.forget(this.#original ?? event);
    this.#refused.taken();
    this.#next(batch);
    if (this.#failures > 0) platform.log.info('events_reported', { agent, failures: this.#failures });
    this.#failures = 0;
    this.#refusals.clear();
    for (const event of batch.events) this.#parts.onAcknowledged(event);
  }

  /** This batch is over. Its counter is not used again: if the town has taken it after all, it would drop what comes instead. */
  #next(batch: EventBatch): void {
    this.#batch = null;
    this.#original = null;
    this.#counter = batch.counter;
  }

  #failed(batch: EventBatch, outcome: Failed): void {
    const { platform, agent } = this.#parts;
    this.#failures += 1;
    const isRefused = outcome.kind === 'refused' && isAboutTheEvents(outcome);
    const tries = isRefused ? this.#refuse(batch, outcome) : this.#failures;
    const retryAfterMs = outcome.kind === 'unreachable' ? 0 : outcome.retryAfterMs;
    const waitMs = tries === 0 ? 0 : backoffMs(BACKOFF, tries, randomShare(platform.randomBytes), retryAfterMs);
    this.#pausedUntilMs = platform.clock.monoMs() + waitMs;
    const status = outcome.kind === 'refused' ? outcome.status : undefined;
    // A pause follows refusals, which have had their lines.
    if (outcome.kind === 'paused' || (!isRefused && status !== undefined && this.#refusals.takes(status))) return;
    if (!isWorthALine(this.#failures)) return;
    platform.log.warn('events_not_reported', { agent, failures: this.#failures, outcome: outcome.kind, status });
  }

  /** Draws the consequences of a refusal; returns how often what is sent next has been refused in a row, for the pause. */
  #refuse(batch: EventBatch, outcome: Refused): number {
    const [first, ...rest] = batch.events;
    if (first === undefined) throw new Error('a batch holds at least one event');
    if (rest.length > 0) {
      const kept = this.#refused.halve(batch.events.length);
      this.#buffer.putBack(batch.events.slice(kept));
      // With the same counter: had the town taken the whole batch, it would have these.
      this.#batch = { counter: batch.counter, events: batch.events.slice(0, kept) };
      return 0;
    }
    const original = this.#original ?? first;
    const fate = this.#refused.alone(original, outcome, !this.#buffer.isEmpty);
    if (fate.kind === 'again') {
      this.#batch = { counter: batch.counter, events: [fate.event] };
      this.#original = fate.event === original ? null : original;
      return fate.tries;
    }
    if (fate.kind === 'dropped') this.#lost('event_dropped', original, outcome.status);
    this.#next(batch);
    if (fate.kind === 'later') this.#buffer.add(original);
    return 0;
  }

  /** Said of each result that does not reach the town as it is, and of each other event that does not at all. */
  #lost(event: string, lost: TurnEvent, status?: number): void {
    const { platform, agent } = this.#parts;
    const level = lost.type === 'turn.finished' ? 'error' : 'warn';
    const turn = 'message' in lost ? { message: lost.message, attempt: lost.attempt } : {};
    platform.log[level](event, { agent, type: lost.type, ...turn, status });
  }

  /** The town does not take them any more. */
  #drop(): void {
    this.#buffer.clear();
    this.#batch = null;
    this.#original = null;
  }
}
