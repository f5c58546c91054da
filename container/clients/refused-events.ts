import { MAX_EVENTS_PER_BATCH, type TurnEvent } from '#protocol';

type Finished = Extract<TurnEvent, { type: 'turn.finished' }>;

/** An event that is refused alone is sent so often as it is; a result then so often as a small one. */
const TRIES = 8;

/** A 4xx that is not about the token, the load or the time. */
interface Refusal {
  readonly status: number;
  /** Null: no problem document, so that it may be a firewall's, and about the way instead of what was sent. */
  readonly code: string | null;
}

interface Alone {
  refusals: number;
  /** Batches that had been taken when it was refused first. */
  readonly takenBefore: number;
}

/**
 * What becomes of an event that was refused alone. `again`: this is sent in its place; `tries` counts for the pause before it.
 * `later`: it goes behind all others, so that it holds up none. `dropped`: nothing was taken of it.
 */
export type Fate =
  | { readonly kind: 'again'; readonly event: TurnEvent; readonly tries: number }
  | { readonly kind: 'later' }
  | { readonly kind: 'dropped'; readonly refusals: number };

/** Whether a refusal may be about what was sent: 401, 408, 425 and 429 pass, and so does a scope that the town says is missing. */
export function isAboutTheEvents({ status, code }: Refusal): boolean {
  if (status < 400 || status >= 500 || [401, 408, 425, 429].includes(status)) return false;
  return status !== 403 || code === null;
}

/**
 * Finds the event for which batches are refused, by halving, and bounds how often it is sent. Where it is a result, a small one
 * that says so ends its turn instead. A result is given up only where something else gets through, or the town itself says that
 * it refuses this one: while all is refused, waiting costs nothing, and the reply may still come through.
 */
export class RefusedEvents {
  #batchLimit = MAX_EVENTS_PER_BATCH;
  #taken = 0;
  readonly #alone = new Map<TurnEvent, Alone>();

  /** Events in one batch at most: halved with each refusal, doubled with each batch that is taken. */
  get batchLimit(): number {
    return this.#batchLimit;
  }

  taken(): void {
    this.#taken += 1;
    this.#batchLimit = Math.min(MAX_EVENTS_PER_BATCH, this.#batchLimit * 2);
  }

  /** How many of a batch that was refused are sent next; the others wait. */
  halve(count: number): number {
    this.#batchLimit = Math.ceil(count / 2);
    return this.#batchLimit;
  }

  /** `others`: whether anything waits behind it. */
  alone(event: TurnEvent, refusal: Refusal, others: boolean): Fate {
    const known = this.#alone.get(event) ?? { refusals: 0, takenBefore: this.#taken };
    known.refusals += 1;
    this.#alone.set(event, known);
    const { refusals } = known;
    const isWayOpen = refusal.code !== null || this.#taken > known.takenBefore;
    const tries = refusals % TRIES;
    if (refusals < TRIES) return { kind: 'again', event, tries };
    const isOver = event.type !== 'turn.finished' || (isWayOpen && refusals >= 2 * TRIES);
    if (isOver) {
      this.forget(event);
      return { kind: 'dropped', refusals };
    }
    if (!isWayOpen && others && refusals % (2 * TRIES) === 0) return { kind: 'later' };
    const next = isWayOpen || tries === 0 ? smallOf(event, refusal.status) : event;
    return { kind: 'again', event: next, tries: Math.max(1, tries) };
  }

  /** It was taken, or the town does not take it any more. */
  forget(event: TurnEvent): void {
    this.#alone.delete(event);
  }
}

/** Ends the turn for the town, and tells its sender why there is no reply. */
function smallOf(event: Finished, status: number): Finished {
  const error = `The report of the result was refused with status ${status}`;
  return { ...event, result: { state: 'failed', error } };
}
