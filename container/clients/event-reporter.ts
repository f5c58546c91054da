import type { EventBatch, TurnEvent } from '#protocol';
import { backoffMs, randomShare } from '../backoff.ts';
import { afterWhile } from '../clock.ts';
import { isWorthALine } from '../log.ts';
import type { Outside } from '../outside.ts';
import type { AgentClient, CallOutcome } from './agent-client.ts';
import { EventBuffer } from './event-buffer.ts';

/** At most four batches a second. */
const BATCH_SPACING_MS = 250;
const BACKOFF = { firstMs: 250, maxMs: 30_000 };
const TIMEOUT_MS = 10_000;
/** Past these, deltas are dropped: minutes of fast output while the town cannot be reached. */
const MAX_BUFFERED_EVENTS = 2_000;
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

interface ReporterParts {
  readonly outside: Outside;
  readonly client: AgentClient;
  /** Hears of each event that the town has, so that what was kept for it can go. */
  readonly onAcknowledged: (event: TurnEvent) => void;
  readonly life: AbortSignal;
  /** For the log. */
  readonly agent: string;
}

/**
 * Reports the events of one incarnation, in order. A batch is sent with one counter until the town acknowledges it: the town
 * drops repeats by that counter, so an answer that got lost costs nothing.
 */
export class EventReporter {
  readonly #parts: ReporterParts;
  readonly #buffer = new EventBuffer(MAX_BUFFERED_EVENTS, MAX_BUFFERED_BYTES);
  #batch: EventBatch | null = null;
  #counter = 0;
  #failures = 0;
  #nextSendAtMs = 0;
  /** A timer or a request is under way; there is never a second (W-18). */
  #busy = false;
  #whenIdle: (() => void)[] = [];

  constructor(parts: ReporterParts) {
    this.#parts = parts;
    parts.life.addEventListener('abort', () => this.#stop(), { once: true });
  }

  add(event: TurnEvent): void {
    if (this.#parts.client.isOver) return;
    this.#buffer.add(event);
    this.#schedule();
  }

  /** Resolves when everything is acknowledged, or nothing will be any more. */
  drained(): Promise<void> {
    if (!this.#busy) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  #schedule(): void {
    if (this.#busy) return;
    if (this.#batch === null && this.#buffer.isEmpty) return this.#idle();
    this.#busy = true;
    const { outside, life } = this.#parts;
    const waitMs = Math.max(0, this.#nextSendAtMs - outside.clock.monoMs());
    afterWhile(outside.clock, life, waitMs, () => void this.#send());
  }

  async #send(): Promise<void> {
    const { outside, client } = this.#parts;
    const batch = (this.#batch ??= { counter: this.#counter + 1, events: [...this.#buffer.take()] });
    this.#nextSendAtMs = outside.clock.monoMs() + BATCH_SPACING_MS;
    const body = JSON.stringify(batch);
    const outcome = await client.call({ method: 'POST', path: '/v1/agent/events', body, timeoutMs: TIMEOUT_MS });
    if (outcome.kind === 'over') return this.#stop();
    if (outcome.kind === 'ok') this.#acknowledged(batch);
    else this.#failed(outcome);
    this.#busy = false;
    this.#schedule();
  }

  #acknowledged(batch: EventBatch): void {
    this.#batch = null;
    this.#counter = batch.counter;
    this.#failures = 0;
    for (const event of batch.events) this.#parts.onAcknowledged(event);
  }

  #failed(outcome: Exclude<CallOutcome, { kind: 'ok' | 'over' }>): void {
    const { outside, agent } = this.#parts;
    this.#failures += 1;
    const retryAfterMs = outcome.kind === 'unreachable' ? 0 : outcome.retryAfterMs;
    const waitMs = backoffMs(BACKOFF, this.#failures, randomShare(outside.randomBytes), retryAfterMs);
    this.#nextSendAtMs = outside.clock.monoMs() + waitMs;
    if (!isWorthALine(this.#failures)) return;
    const status = outcome.kind === 'refused' ? outcome.status : undefined;
    outside.log.warn('events_not_reported', { agent, failures: this.#failures, outcome: outcome.kind, status });
  }

  #stop(): void {
    this.#buffer.clear();
    this.#batch = null;
    this.#busy = false;
    this.#idle();
  }

  #idle(): void {
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const resolve of waiting) resolve();
  }
}
