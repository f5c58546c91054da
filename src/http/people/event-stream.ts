/**
 * The live stream as server-sent events (HTML Living Standard, section 9.2), for callers without WebSocket. The Worker reads the town's
 * own stream for them, so what it promises holds here too: each stored event once, in order, and after a break with `Last-Event-ID`.
 */
import { STREAM_PING, streamOpenedSchema, type StreamAck } from '#protocol';
import { after, type After } from '#lib/clock.ts';
import { data, deliveredBody } from '../edge/delivered-body.ts';

/** So many events and deltas are confirmed at once, and fewer after this (ms). */
const ACK_AT = 100;
const ACK_AFTER_MS = 500;
/** A comment is sent after this (ms) without an event: proxies cut a connection on which nothing is said for about 30 s. */
const IDLE_MS = 12_000;
/** A client comes again after this (ms); what it has seen it says itself. */
const RETRY = 'retry: 1000\n\n';
const COMMENT = ': nothing new\n\n';

/** The part of a socket that is used here. */
export type ReaderSocket = Pick<WebSocket, 'accept' | 'addEventListener' | 'send' | 'close'>;

/** The body of the answer. It ends where the town closes its stream, and closes that where the client leaves. */
export function eventStream(socket: ReaderSocket, timer: After = after): ReadableStream<Uint8Array> {
  const inbox = new Inbox(socket, timer);
  const texts = eventTexts(inbox);
  const leave = (): Promise<IteratorResult<string, void>> => {
    // It waits for the town, perhaps for long: this wakes it.
    inbox.close();
    return texts.return();
  };
  return deliveredBody({ next: () => texts.next(), return: leave }, () => undefined);
}

async function* eventTexts(inbox: Inbox): AsyncGenerator<string, void> {
  const taken = new Taken();
  try {
    yield RETRY;
    for (;;) {
      const frame = await inbox.next(taken.isConfirmed ? IDLE_MS : ACK_AFTER_MS);
      if (frame !== null) yield taken.take(frame);
      if (inbox.isOver) return;
      // The client has asked for more: what was sent before has arrived.
      if (taken.count >= ACK_AT || (frame === null && !taken.isConfirmed)) {
        inbox.say(JSON.stringify(taken.confirm()));
      } else if (frame === null) {
        inbox.say(STREAM_PING);
        yield COMMENT;
      }
    }
  } finally {
    inbox.close();
  }
}

/** What the town has sent, until it is taken. The town itself stops far below what memory holds. */
class Inbox {
  readonly #socket: ReaderSocket;
  readonly #timer: After;
  readonly #frames: string[] = [];
  #isClosed = false;
  #wake: () => void = () => undefined;

  constructor(socket: ReaderSocket, timer: After) {
    this.#socket = socket;
    this.#timer = timer;
    socket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') this.#frames.push(data);
      this.#wake();
    });
    for (const end of ['close', 'error'] as const) {
      socket.addEventListener(end, () => {
        this.#isClosed = true;
        this.#wake();
      });
    }
    socket.accept();
  }

  /** The town has closed the stream, and all that it sent was taken. */
  get isOver(): boolean {
    return this.#isClosed && this.#frames.length === 0;
  }

  /** A socket that is closed takes nothing more. */
  say(text: string): void {
    if (!this.#isClosed) this.#socket.send(text);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close(1000, 'the client left');
    this.#wake();
  }

  /** The next frame, or null where none comes within this time (ms), or any more. */
  async next(ms: number): Promise<string | null> {
    if (this.#frames.length === 0 && !this.#isClosed) {
      const { promise, resolve } = Promise.withResolvers<null>();
      const stopTimer = this.#timer(ms, () => resolve(null));
      this.#wake = () => resolve(null);
      await promise;
      stopTimer();
    }
    return this.#frames.shift() ?? null;
  }
}

/** What of the stream went to the client, and how much of it the town does not know yet. */
class Taken {
  #seq = 0;
  #deltas = 0;
  count = 0;

  get isConfirmed(): boolean {
    return this.count === 0;
  }

  /** The events of a frame as they are sent to the client: those that are stored have an id. */
  take(frame: string): string {
    const events: unknown = JSON.parse(frame);
    // The one frame that is no list is the answer to a ping.
    return Array.isArray(events) ? events.map((event: object) => this.#textOf(event)).join('') : '';
  }

  confirm(): StreamAck {
    this.count = 0;
    return { type: 'ack', seq: this.#seq, deltas: this.#deltas };
  }

  #textOf(event: object): string {
    this.count += 1;
    if ('seq' in event && typeof event.seq === 'number') {
      this.#seq = event.seq;
      return `id: ${event.seq}\n${data(event)}`;
    }
    if ('type' in event && event.type === 'reeve.turn.delta') this.#deltas += 1;
    const opened = streamOpenedSchema.safeParse(event);
    // The first of all: events follow this place.
    if (opened.success) this.#seq = opened.data.data.after;
    return data(event);
  }
}
