import {
  MAX_ERROR_UNITS,
  MAX_REPLY_BYTES,
  MAX_TASK_UNITS,
  clip,
  cutToJsonBytes,
  type DeliveredMessage,
  type HeldMessage,
  type MessageId,
  type TurnEvent,
  type TurnResult,
} from '#protocol';
import type { WorkStatus } from '../clients/heartbeat.ts';
import { ProcessGone, type Prompt, type TurnOutput } from './agent-process.ts';
import { RecentMap } from '../lib/recent-map.ts';
import { FinishedTurns, RESULT_GONE } from './finished-turns.ts';
import { piecesOf } from '../lib/json-text.ts';
import { CUT_SHORT, heldTurn, type Turn } from './turn.ts';
import type { TurnTrace } from './turn-trace.ts';

/** Messages that were to be withdrawn before they came: far more than can be on their way when the town takes them back. */
const WITHDRAWN = 1_000;
/** One delta's text at most, in code units: small enough that no escape makes it larger than a batch. */
const PIECE_UNITS = 16 * 1024;

interface QueueParts {
  /** Awaited before each turn: the process takes prompts, and the token is not at its end (W-01). Rejects where there is no process. */
  readonly ready: () => Promise<void>;
  readonly prompt: (prompt: Prompt) => Promise<string>;
  readonly report: (event: TurnEvent) => void;
  /** A message was taken. */
  readonly trace: (message: DeliveredMessage) => TurnTrace;
  /** There is unfinished work from now on, or none any more. */
  readonly onWork: (working: boolean) => void;
  readonly mayContinue: () => boolean;
  readonly townNowMs: () => number;
  readonly life: AbortSignal;
}

/**
 * The messages of one incarnation: worked on one at a time, in order of `seq`, and never twice. A result is kept until the town
 * has acknowledged it; afterwards (message, attempt, state) is remembered, and for a while the result.
 */
export class TurnQueue {
  readonly #parts: QueueParts;
  readonly #turns = new Map<MessageId, Turn>();
  /** Cancelled while nothing of them was here: a delivery that comes later begins none of them. */
  readonly #withdrawn = new RecentMap<MessageId, true>(WITHDRAWN);
  readonly #acknowledged = new FinishedTurns();
  #current: Turn | null = null;
  #running = false;
  /** Resolves when no turn is under way. */
  #rest: Promise<void> = Promise.resolve();
  /** The process is gone: nothing begins any more. */
  #isOver = false;
  #task: string | null = null;
  #lastProgressAtMs: number | null = null;

  constructor(parts: QueueParts) {
    this.#parts = parts;
    parts.life.addEventListener('abort', () => this.#current?.end.abort(), { once: true });
  }

  /** Takes what is new and returns, in the order given, what is held of each. */
  deliver(messages: readonly DeliveredMessage[]): HeldMessage[] {
    const held = messages.map((message) => this.#take(message));
    if (!this.#running) this.#rest = this.#run();
    return held;
  }

  /** Everything that is remembered. */
  held(): HeldMessage[] {
    const finished = [...this.#acknowledged.entries()].map(([message, { attempt, state }]) => ({
      message,
      attempt,
      state,
    }));
    return [...finished, ...[...this.#turns.values()].map(heldTurn)];
  }

  /** Whether a turn is not over, or its result not acknowledged. */
  get hasUnsettled(): boolean {
    return this.#turns.size > 0;
  }

  /** The town has this event. Only the result of the current attempt counts there, so only with that one the result may go. */
  acknowledge(event: TurnEvent): void {
    if (event.type !== 'turn.finished') return;
    const turn = this.#turns.get(event.message);
    if (turn === undefined || turn.result === null || turn.message.attempt !== event.attempt) return;
    this.#turns.delete(event.message);
    this.#acknowledged.add(event.message, event.attempt, turn.result);
  }

  /**
   * Ends the turn under way; with `message` only that one's, which does not begin if it has not yet. Returns whether there was
   * one. The next begins when the agent has let go of this one: it works on one message at a time.
   */
  interrupt(message: MessageId | null): boolean {
    const turn = message === null ? this.#current : this.#turns.get(message);
    if (turn === undefined || turn === null || turn.result !== null) return false;
    turn.end.abort();
    if (turn !== this.#current) this.#finish(turn, CUT_SHORT);
    return true;
  }

  /** The message is cancelled: its turn ends, and one whose delivery is still on its way does not begin when that comes. */
  withdraw(message: MessageId): boolean {
    this.#withdrawn.set(message, true);
    return this.interrupt(message);
  }

  /** The traceparent of a turn whose result the town does not have yet; null: it has none. */
  traceOf(message: MessageId): string | null {
    return this.#turns.get(message)?.trace.traceparent ?? null;
  }

  /** Resolves when the turn under way is over, and those that may follow it. */
  rested(): Promise<void> {
    return this.#rest;
  }

  get status(): WorkStatus {
    return { turn: this.#current?.message.message ?? null, task: this.#task, lastProgressAtMs: this.#lastProgressAtMs };
  }

  #take(message: DeliveredMessage): HeldMessage {
    const done = this.#acknowledged.get(message.message);
    const kept = this.#acknowledged.resultOf(message.message);
    if (done !== undefined && message.attempt <= done.attempt) {
      const held = { message: message.message, ...done };
      // The town asks for it again, so it does not have the result that it acknowledged: its database was put back.
      if (message.attempt < done.attempt) return held;
      return kept === undefined
        ? { ...held, state: RESULT_GONE.state, result: RESULT_GONE }
        : { ...held, result: kept };
    }
    const turn = this.#turns.get(message.message);
    if (turn !== undefined) return this.#adopt(turn, message.attempt);
    const trace = this.#parts.trace(message);
    const added: Turn = { message, state: 'delivered', result: null, end: new AbortController(), trace };
    this.#acknowledged.delete(message.message);
    this.#turns.set(message.message, added);
    // The town does not have it after all: its report was for the earlier attempt, which did not count any more.
    if (done !== undefined) this.#finish(added, kept ?? RESULT_GONE);
    else if (this.#withdrawn.has(message.message)) this.#finish(added, CUT_SHORT);
    return heldTurn(added);
  }

  /**
   * A higher attempt of what is held here: the town queued the message again without knowing that this incarnation has it.
   * Within one incarnation no message runs twice, so the turn goes on, or its result stands, under the new number; a result
   * is reported again, because the town counts it only for the current attempt. A lower attempt is late and changes nothing.
   */
  #adopt(turn: Turn, attempt: number): HeldMessage {
    if (attempt > turn.message.attempt) {
      turn.message = { ...turn.message, attempt };
      if (turn.result !== null) this.#reportResult(turn, turn.result);
    }
    return heldTurn(turn);
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let turn = this.#next(); turn !== null; turn = this.#next()) {
      this.#parts.onWork(true);
      await this.#work(turn);
    }
    this.#current = null;
    this.#running = false;
    this.#parts.onWork(false);
  }

  /** The unfinished one with the lowest `seq`; null where there is none or the agent is over. */
  #next(): Turn | null {
    if (this.#isOver || this.#parts.life.aborted || !this.#parts.mayContinue()) return null;
    const waiting = [...this.#turns.values()].filter((turn) => turn.result === null);
    return waiting.toSorted((one, other) => one.message.seq - other.message.seq)[0] ?? null;
  }

  async #work(turn: Turn): Promise<void> {
    const { ready, report, life, townNowMs } = this.#parts;
    this.#current = turn;
    this.#task = null;
    this.#lastProgressAtMs = townNowMs();
    const result = await this.#resultOf(turn, ready, () => {
      turn.state = 'working';
      turn.trace.begin();
      report({ type: 'turn.started', ...this.#stamp(turn) });
    });
    // What ends after the teardown is dropped (W-17).
    if (result !== null && !life.aborted) this.#finish(turn, result);
    else turn.trace.end('dropped');
  }

  /** Null: the agent was over before the turn began, or its process is gone, so it has no result. */
  async #resultOf(turn: Turn, ready: () => Promise<void>, started: () => void): Promise<TurnResult | null> {
    const { prompt, life, mayContinue } = this.#parts;
    const { signal } = turn.end;
    try {
      await ready();
      // Asked again after the wait: a stop, an interrupt, or a terminal answer of the town may have come in it.
      if (life.aborted || !mayContinue()) return null;
      if (signal.aborted) return CUT_SHORT;
      started();
      const emit = (output: TurnOutput): void => this.#emitted(turn, output);
      const { traceparent } = turn.trace;
      const said = await prompt({ message: turn.message, emit, signal, traceparent });
      const reply = cutToJsonBytes(said, MAX_REPLY_BYTES);
      return signal.aborted ? CUT_SHORT : { state: 'done', reply: reply.text, truncated: reply.truncated };
    } catch (thrown) {
      if (signal.aborted) return CUT_SHORT;
      if (thrown instanceof ProcessGone) {
        this.#isOver = true;
        return null;
      }
      const reason = thrown instanceof Error ? thrown.message : 'The turn failed';
      return { state: 'failed', error: clip(reason, MAX_ERROR_UNITS) };
    }
  }

  #emitted(turn: Turn, output: TurnOutput): void {
    if (this.#current !== turn || turn.result !== null || this.#parts.life.aborted) return;
    this.#lastProgressAtMs = this.#parts.townNowMs();
    const { report } = this.#parts;
    const stamp = this.#stamp(turn);
    if (output.kind === 'task') this.#task = clip(output.task, MAX_TASK_UNITS);
    else if (output.kind === 'event') report({ ...output.event, ...stamp });
    else
      for (const text of piecesOf(output.text, PIECE_UNITS))
        report({ type: 'turn.delta', ...stamp, kind: output.kind, text });
  }

  #finish(turn: Turn, result: TurnResult): void {
    turn.result = result;
    turn.trace.end(result.state);
    this.#reportResult(turn, result);
  }

  #reportResult(turn: Turn, result: TurnResult): void {
    this.#parts.report({ type: 'turn.finished', ...this.#stamp(turn), result });
  }

  #stamp({ message }: Turn): { message: MessageId; attempt: number; at: string } {
    const at = new Date(this.#parts.townNowMs()).toISOString();
    return { message: message.message, attempt: message.attempt, at };
  }
}
