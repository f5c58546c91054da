/**
 * Follows a town's stream, over as many connections as it takes. Every stored event is shown exactly once and in order, or its
 * reader learns that there is a gap; deltas are shown as they come, and some may be missing. No dependencies; browsers and
 * Node 24.
 */
import { Connection } from './connection.ts';
import { platform, type Outside } from './outside.ts';
import type { StreamDelta, StreamEvent } from './stream-event.ts';

/**
 * What a page can show. `waiting`: not connected; the next try begins in `retryInMs`. `ended`: for good; `refused` is where there
 * are no more tickets for this reader.
 */
export type StreamState =
  | { readonly name: 'connecting' }
  | { readonly name: 'live' }
  | { readonly name: 'waiting'; readonly retryInMs: number }
  | { readonly name: 'ended'; readonly why: 'closed' | 'refused' };

/** Events after `from` and up to `to` are no longer kept; `to` below `from`: the town was put back to an earlier state. */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

export interface StreamClientOptions {
  /** `https://…/v1/towns/<town>/stream`. */
  readonly address: string;
  /** Fetches a ticket. Null ends the client: there will be none. A rejection is tried again, ever more rarely. */
  readonly ticket: () => Promise<string | null>;
  /** `seq` of the last event that is known; without it the stream begins with the next. */
  readonly after?: number;
  readonly onEvent: (event: StreamEvent) => void;
  readonly onDelta?: (delta: StreamDelta) => void;
  readonly onGap?: (gap: Gap) => void;
  readonly onState?: (state: StreamState) => void;
  /** What the ticket was rejected with; the state says what comes of it. */
  readonly onError?: (error: unknown) => void;
}

/** The wait before the next try doubles from the first to the last (ms), with jitter in its upper half. */
const BACKOFF = { firstMs: 500, maxMs: 30_000 };
/** A ticket comes within this (ms). */
const TICKET_MS = 15_000;
/** After a connection that lived so long (ms) the waits are short again. */
const STEADY_MS = 5000;
/** No ticket for now. */
const FAILED = Symbol('failed');
/** What the town says where its reader is welcome to come again at once. */
const COME_AGAIN = [4001, 4008];

export class StreamClient {
  readonly #options: StreamClientOptions;
  readonly #outside: Outside;
  #state: StreamState = { name: 'connecting' };
  #seq: number | null;
  #connection: Connection | null = null;
  /** Grows with each try: what comes of an earlier one is of no interest. */
  #try = 0;
  #failures = 0;
  #cancelTimer: () => void = () => undefined;

  /** Begins at once. */
  constructor(options: StreamClientOptions, outside: Outside = platform) {
    this.#options = options;
    this.#outside = outside;
    this.#seq = options.after ?? null;
    void this.#connect();
  }

  get state(): StreamState {
    return this.#state;
  }

  /** `seq` of the last event that was shown; null before the town has said where it is. */
  get seq(): number | null {
    return this.#seq;
  }

  /** Ends it for good: nothing is called any more. Idempotent. */
  close(): void {
    this.#end('closed');
  }

  /** Does not wait for the next try: the page is looked at again, or the network is back. */
  retry(): void {
    if (this.#state.name !== 'waiting') return;
    this.#cancelTimer();
    void this.#connect();
  }

  #end(why: 'closed' | 'refused'): void {
    if (this.#state.name === 'ended') return;
    this.#try += 1;
    this.#cancelTimer();
    this.#connection?.close();
    this.#become({ name: 'ended', why });
  }

  async #connect(): Promise<void> {
    this.#try += 1;
    const current = this.#try;
    this.#become({ name: 'connecting' });
    // Its listener may close it.
    if (current !== this.#try) return;
    const ticket = await this.#fetchTicket(current);
    // Closed, or given up, in the meantime.
    if (current !== this.#try) return;
    this.#cancelTimer();
    if (ticket === null) return this.#end('refused');
    if (ticket === FAILED) return this.#wait();
    try {
      this.#connection = this.#open(ticket);
    } catch {
      // The platform refuses even to try.
      this.#wait();
    }
  }

  #open(ticket: string): Connection {
    const query = new URLSearchParams({ ticket, ...(this.#seq === null ? {} : { after: String(this.#seq) }) });
    const address = `${this.#options.address.replace(/^http/, 'ws')}?${query.toString()}`;
    const from = this.#seq;
    let openedAtMs = Infinity;
    return new Connection(this.#outside, address, {
      onOpened: (after) => {
        openedAtMs = this.#outside.nowMs();
        this.#begin(after);
      },
      onEvent: (event) => this.#show(event),
      onDelta: (delta) => this.#options.onDelta?.(delta),
      onEnd: (code) => {
        const progress = this.#seq !== from;
        if (progress || this.#outside.nowMs() - openedAtMs >= STEADY_MS) this.#failures = 0;
        if (progress && COME_AGAIN.includes(code)) void this.#connect();
        else this.#wait();
      },
    });
  }

  async #fetchTicket(current: number): Promise<string | typeof FAILED | null> {
    const late = Promise.withResolvers<typeof FAILED>();
    this.#cancelTimer = this.#outside.after(TICKET_MS, () => late.resolve(FAILED));
    try {
      return await Promise.race([this.#options.ticket(), late.promise]);
    } catch (thrown) {
      if (current === this.#try) this.#options.onError?.(thrown);
      return FAILED;
    }
  }

  #begin(after: number): void {
    const from = this.#seq;
    this.#seq = after;
    this.#become({ name: 'live' });
    // Its listener may close it.
    if (this.#state.name !== 'live') return;
    if (from !== null && from !== after) this.#options.onGap?.({ from, to: after });
  }

  /** False: something is missing before it. */
  #show(event: StreamEvent): boolean {
    if (this.#seq === null || event.seq > this.#seq + 1) return false;
    if (event.seq <= this.#seq) return true;
    this.#seq = event.seq;
    this.#options.onEvent(event);
    return true;
  }

  #wait(): void {
    const doubled = Math.min(BACKOFF.maxMs, BACKOFF.firstMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    const waitMs = doubled * (0.5 + this.#outside.random() / 2);
    this.#cancelTimer = this.#outside.after(waitMs, () => void this.#connect());
    this.#become({ name: 'waiting', retryInMs: waitMs });
  }

  #become(state: StreamState): void {
    this.#state = state;
    this.#options.onState?.(state);
  }
}
