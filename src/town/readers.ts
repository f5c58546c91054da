import { STREAM_CLOSE, STREAM_PING, STREAM_PONG, type StreamClose } from '#protocol';
import type { Reader } from '../events/reader.ts';

/** What the sockets need of the platform. */
type SocketContext = Pick<DurableObjectState, 'acceptWebSocket' | 'getWebSockets' | 'setWebSocketAutoResponse'>;

/** A socket with its reader, as it was when it was looked at. */
export interface OpenSocket {
  readonly socket: WebSocket;
  readonly reader: Reader;
}

/**
 * The open sockets of a town. They hibernate: the platform holds them while the object is not in memory, with their reader as
 * attachment, so nothing that counts is here.
 */
export class Readers {
  readonly #ctx: SocketContext;
  /** When the first stream ends, in ms, or null; undefined: not known. */
  #firstEnd: number | null | undefined;

  constructor(ctx: SocketContext) {
    this.#ctx = ctx;
  }

  /** Takes the town's end of a new connection. From here on the platform answers pings, without waking the object. */
  accept(socket: WebSocket, reader: Reader): void {
    this.#ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(STREAM_PING, STREAM_PONG));
    this.#ctx.acceptWebSocket(socket);
    socket.serializeAttachment(reader);
    this.forget();
  }

  /** Those that can be written to. */
  open(): OpenSocket[] {
    return this.#all().filter(({ socket }) => socket.readyState === WebSocket.OPEN);
  }

  /** All that are held, and those of one person: one that was cut counts until it is gone, because what it did not take does. */
  count(person: string): { readonly all: number; readonly own: number } {
    const all = this.#all();
    return { all: all.length, own: all.filter(({ reader }) => reader.person === person).length };
  }

  readerOf(socket: WebSocket): Reader | null {
    // Written by `accept` and `keep` from this very type, and by nobody else.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return socket.deserializeAttachment() as Reader | null;
  }

  keep(socket: WebSocket, reader: Reader): void {
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

  #all(): OpenSocket[] {
    return this.#ctx.getWebSockets().flatMap((socket) => {
      const reader = this.readerOf(socket);
      return reader === null ? [] : [{ socket, reader }];
    });
  }
}
