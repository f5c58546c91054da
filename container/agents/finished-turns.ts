import type { MessageId, TurnResult } from '#protocol';
import { RecentMap } from '../lib/recent-map.ts';

/** Finished messages whose result the town has: remembered only so that a repeat is not run again. */
const REMEMBERED = 1_000;
/** Said to the sender where a result was reported for an earlier attempt, long ago, before the message came again. */
export const RESULT_GONE: TurnResult = {
  state: 'failed',
  error: 'The message was worked on before; its result was reported under an earlier attempt and is not held any more',
};
/** Results that are kept all the same, in code units of their JSON text: a few minutes of long replies. */
const MAX_KEPT_UNITS = 2 * 1024 * 1024;

interface Finished {
  readonly attempt: number;
  readonly state: TurnResult['state'];
}

/**
 * The turns of an incarnation whose results the town has acknowledged, the newest. The latest results stay as well: a town that
 * had queued the message again before the report came drops it as one of an earlier attempt, and asks for the new one.
 */
export class FinishedTurns {
  readonly #turns = new RecentMap<MessageId, Finished>(REMEMBERED);
  /** The oldest first. */
  readonly #results = new Map<MessageId, { readonly result: TurnResult; readonly units: number }>();
  #units = 0;

  get(message: MessageId): Finished | undefined {
    return this.#turns.get(message);
  }

  /** Undefined where it was let go of. */
  resultOf(message: MessageId): TurnResult | undefined {
    return this.#results.get(message)?.result;
  }

  add(message: MessageId, attempt: number, result: TurnResult): void {
    this.delete(message);
    this.#turns.set(message, { attempt, state: result.state });
    const units = JSON.stringify(result).length;
    this.#results.set(message, { result, units });
    this.#units += units;
    for (const oldest of this.#results.keys()) {
      if (this.#units <= MAX_KEPT_UNITS && this.#results.size <= REMEMBERED) return;
      this.#forget(oldest);
    }
  }

  delete(message: MessageId): void {
    this.#turns.delete(message);
    this.#forget(message);
  }

  entries(): IterableIterator<[MessageId, Finished]> {
    return this.#turns.entries();
  }

  #forget(message: MessageId): void {
    this.#units -= this.#results.get(message)?.units ?? 0;
    this.#results.delete(message);
  }
}
