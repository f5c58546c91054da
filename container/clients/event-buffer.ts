import { MAX_EVENTS_PER_BATCH, MAX_EVENT_BATCH_BYTES, type TurnEvent } from '#protocol';

interface Sized {
  readonly event: TurnEvent;
  /** UTF-8 bytes of its JSON text, and the comma. */
  readonly bytes: number;
}

/** Room for `{"counter":…,"events":[…]}` around the events of a batch, in bytes. */
const ENVELOPE_BYTES = 64;

const SHOWN: readonly TurnEvent['type'][] = ['turn.delta', 'turn.tool_call', 'turn.plan'];

const encoder = new TextEncoder();

/**
 * Events that wait to be sent, in order. Bounded: past the limits the oldest of those go first that are only shown; starts,
 * results, questions and ends never go, there are only so many of them.
 */
export class EventBuffer {
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  #events: Sized[] = [];
  #bytes = 0;
  #awaited = 0;

  constructor(maxEvents: number, maxBytes: number) {
    this.#maxEvents = maxEvents;
    this.#maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.#events.length === 0;
  }

  /** Whether a start, a result, a question or an end is among them. */
  get hasAwaited(): boolean {
    return this.#awaited > 0;
  }

  add(event: TurnEvent): void {
    const added = sized(event);
    this.#events.push(added);
    this.#count(added, 1);
    while (this.#events.length > this.#maxEvents || this.#bytes > this.#maxBytes) {
      const oldest = this.#events.findIndex(({ event }) => SHOWN.includes(event.type));
      if (oldest === -1) return;
      this.#remove(oldest, 1);
    }
  }

  /** Puts events that were taken back to where they were: before all others. */
  putBack(events: readonly TurnEvent[]): void {
    const back = events.map(sized);
    this.#events.unshift(...back);
    for (const one of back) this.#count(one, 1);
  }

  /** Takes the oldest events that fit into one batch, at most `count`; empty only where the buffer is. */
  take(count = MAX_EVENTS_PER_BATCH): readonly TurnEvent[] {
    let bytes = ENVELOPE_BYTES;
    let taken = 0;
    for (const next of this.#events.slice(0, count)) {
      bytes += next.bytes;
      // The first always goes: texts are cut long before one event could fill a batch.
      if (bytes > MAX_EVENT_BATCH_BYTES && taken > 0) break;
      taken += 1;
    }
    return this.#remove(0, taken).map(({ event }) => event);
  }

  clear(): void {
    this.#remove(0, this.#events.length);
  }

  #remove(from: number, count: number): Sized[] {
    const removed = this.#events.splice(from, count);
    for (const one of removed) this.#count(one, -1);
    return removed;
  }

  #count({ event, bytes }: Sized, sign: 1 | -1): void {
    this.#bytes += sign * bytes;
    if (!SHOWN.includes(event.type)) this.#awaited += sign;
  }
}

function sized(event: TurnEvent): Sized {
  return { event, bytes: encoder.encode(JSON.stringify(event)).length + 1 };
}
