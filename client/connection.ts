import type { Outside, Socket } from './outside.ts';
import { parseFrame, type InFrame, type StreamDelta, type StreamEvent } from './stream-event.ts';

/** Events and deltas after which a frame is confirmed at once, and for how long fewer are not (ms): the town stops sending far beyond this. */
const ACK_COUNT = 100;
const ACK_MS = 500;
/** A connection that says nothing is asked after this (ms), and given up after that: networks go without a word. */
const PING_MS = 25_000;
const SILENT_MS = 60_000;
/** The first frame comes within this (ms). */
const OPENED_MS = 15_000;

export interface ConnectionEvents {
  /** The first that it says: events follow this one. */
  readonly onOpened: (after: number) => void;
  /** False: it does not follow the one before; the connection is given up. */
  readonly onEvent: (event: StreamEvent) => boolean;
  readonly onDelta: (delta: StreamDelta) => void;
  /** It ended, for whatever reason: by the town's code, or 0 where it was given up here. Called at most once, never after `close`. */
  readonly onEnd: (code: number) => void;
}

/** One connection to the stream: confirms what arrives, and sees that it lives. */
export class Connection {
  readonly #outside: Outside;
  readonly #on: ConnectionEvents;
  readonly #socket: Socket;
  #over = false;
  #receivedAtMs: number;
  /** What arrived on this connection; and how much of it is not confirmed to the town. */
  #seq: number | null = null;
  #deltas = 0;
  #unconfirmed = 0;
  #cancelAck: (() => void) | null = null;
  #cancelTimer: () => void = () => undefined;

  constructor(outside: Outside, address: string, on: ConnectionEvents) {
    this.#outside = outside;
    this.#on = on;
    this.#receivedAtMs = outside.nowMs();
    this.#socket = outside.connect(address, {
      onText: (text) => this.#receive(text),
      onClose: (code) => this.#end(code),
    });
    this.#cancelTimer = outside.after(OPENED_MS, () => this.#end(0));
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelAck?.();
    this.#cancelTimer();
    this.#socket.close();
  }

  #receive(text: string): void {
    if (this.#over) return;
    this.#receivedAtMs = this.#outside.nowMs();
    const frame = parseFrame(text);
    if (frame === null) return this.#end(0);
    for (const one of frame) {
      this.#take(one);
      // A listener may have closed it.
      if (this.#over) return;
    }
    this.#confirmSoon();
  }

  #take(one: InFrame): void {
    // Before the opening nothing else has a place.
    if ((this.#seq === null) !== (one.kind === 'opened')) return this.#end(0);
    switch (one.kind) {
      case 'opened':
        this.#seq = one.after;
        this.#monitor();
        return this.#on.onOpened(one.after);
      case 'event':
        if (!this.#on.onEvent(one.event)) return this.#end(0);
        this.#seq = one.event.seq;
        this.#unconfirmed += 1;
        return;
      case 'delta':
        this.#deltas += 1;
        this.#unconfirmed += 1;
        return this.#on.onDelta(one.delta);
      case 'other':
        return;
    }
  }

  #confirmSoon(): void {
    if (this.#unconfirmed >= ACK_COUNT) this.#confirm();
    else if (this.#unconfirmed > 0) this.#cancelAck ??= this.#outside.after(ACK_MS, () => this.#confirm());
  }

  #confirm(): void {
    this.#cancelAck?.();
    this.#cancelAck = null;
    this.#unconfirmed = 0;
    this.#socket.send(JSON.stringify({ type: 'ack', seq: this.#seq, deltas: this.#deltas }));
  }

  #monitor(): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#outside.after(PING_MS, () => {
      if (this.#outside.nowMs() - this.#receivedAtMs >= SILENT_MS) return this.#end(0);
      this.#socket.send('{"type":"ping"}');
      this.#monitor();
    });
  }

  #end(code: number): void {
    if (this.#over) return;
    this.close();
    this.#on.onEnd(code);
  }
}
