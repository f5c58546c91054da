import { STREAM_CLOSE, STREAM_PING, STREAM_PONG, type StreamClose } from '#protocol';
import { unackedBytes, type Reader } from '../../events/reader.ts';

/** What the sockets need of the platform. */
type SocketContext = Pick<
  DurableObjectState,
  'acceptWebSocket' | 'getWebSockets' | 'setWebSocketAutoResponse' | 'getWebSocketAutoResponseTimestamp'
>;

/** A socket with its reader, as it was when it was looked at. */
export interface OpenSocket {
  readonly socket: WebSocket;
  readonly reader: Reader;
}

/**
 * The open sockets of a town. They hibernate: the platform keeps them while the object is not in memory, with their reader as
 * attachment. Each change is written there at once, because nothing tells the object that it is about to leave memory; it is read
 * from there once, by the first read after that.
 */
export class Readers {
  readonly #ctx: SocketContext;
  /** The same as the attachments: the platform hands out one object for a socket as long as the town is in memory. */
  readonly #known = new WeakMap<WebSocket, Reader>();
  /** When the first stream ends, in ms, or null; undefined: not known. */
  #firstEnd: number | null | undefined;

  constructor(ctx: SocketContext) {
    this.#ctx = ctx;
  }

  /** Takes the town's end of a new connection. From here on the platform answers pings, without waking the object. */
  accept(socket: WebSocket, reader: Reader): void {
    this.#ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(STREAM_PING, STREAM_PONG));
    this.#ctx.acceptWebSocket(socket);
    this.keep(socket, reader);
    this.forget();
  }

  /** Those that can be written to. */
  open(): OpenSocket[] {
    return this.#all().filter(isOpen);
  }

  /**
   * Open ones, of all and of one person; and what those that were cut, and are not gone yet, did not take: a peer that is dead
   * answers no close, so they hold no place, and their bytes count.
   */
  count(person: string): { readonly all: number; readonly own: number; readonly leftBytes: number } {
    const all = this.#all();
    const open = all.filter(isOpen);
    const cut = all.filter((one) => !isOpen(one));
    return {
      all: open.length,
      own: open.filter(({ reader }) => reader.person === person).length,
      leftBytes: cut.reduce((sum, { reader }) => sum + unackedBytes(reader), 0),
    };
  }

  /** The open one, of one person or of all (null), that is silent for longest, and since before a time; null: there is none. */
  longestSilent(person: string | null, beforeMs: number): WebSocket | null {
    const silent = this.open()
      .filter(({ reader }) => person === null || reader.person === person)
      .map(({ socket, reader }) => ({ socket, heardAtMs: this.#heardAtMs(socket, reader) }))
      .filter(({ heardAtMs }) => heardAtMs < beforeMs);
    return silent.toSorted((one, other) => one.heardAtMs - other.heardAtMs)[0]?.socket ?? null;
  }

  readerOf(socket: WebSocket): Reader | null {
    const known = this.#known.get(socket);
    if (known !== undefined) return known;
    // Written by `keep` from this very type, and by nothing else.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const kept = socket.deserializeAttachment() as Reader | null;
    if (kept !== null) this.#known.set(socket, kept);
    return kept;
  }

  keep(socket: WebSocket, reader: Reader): void {
    this.#known.set(socket, reader);
    socket.serializeAttachment(reader);
  }

  close(socket: WebSocket, why: StreamClose): void {
    const { code, reason } = STREAM_CLOSE[why];
    socket.close(code, reason);
    this.forget();
  }

  /** When the first of them ends, in ms, or null. Asked in every transaction, so it is remembered. */
  firstEnd(): number | null {
    if (this.#firstEnd === undefined) {
      const ends = this.open().map(({ reader }) => reader.endsAtMs);
      this.#firstEnd = ends.length === 0 ? null : Math.min(...ends);
    }
    return this.#firstEnd;
  }

  /** A socket came or went. */
  forget(): void {
    this.#firstEnd = undefined;
  }

  /** Its last frame. The platform answers pings while the object sleeps, and knows when it last did. */
  #heardAtMs(socket: WebSocket, reader: Reader): number {
    const pingedAtMs = this.#ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0;
    return Math.max(reader.heardAtMs, pingedAtMs);
  }

  #all(): OpenSocket[] {
    return this.#ctx.getWebSockets().flatMap((socket) => {
      const reader = this.readerOf(socket);
      return reader === null ? [] : [{ socket, reader }];
    });
  }
}

const isOpen = ({ socket }: OpenSocket): boolean => socket.readyState === WebSocket.OPEN;
