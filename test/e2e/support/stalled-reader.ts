/** A reader that shakes hands and then takes nothing more from the network, until it is ordered to. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What it finds when it reads on. */
export interface Received {
  readonly texts: readonly string[];
  /** Code of the close frame, or null. */
  readonly closed: number | null;
}

export class StalledReader {
  readonly #socket: Socket;
  #bytes: Buffer;

  static async open(port: number, path: string): Promise<StalledReader> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const key = randomBytes(16).toString('base64');
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    );
    const [head] = (await once(socket, 'data')) as [Buffer];
    socket.pause();
    const end = head.indexOf('\r\n\r\n');
    if (!head.subarray(0, end).toString().startsWith('HTTP/1.1 101')) throw new Error(head.toString());
    return new StalledReader(socket, head.subarray(end + 4));
  }

  private constructor(socket: Socket, rest: Buffer) {
    this.#socket = socket;
    this.#bytes = rest;
    socket.on('error', () => undefined);
  }

  /** Reads all that was held for it, until the connection ends. */
  async readOn(): Promise<Received> {
    this.#socket.on('data', (chunk: Buffer) => (this.#bytes = Buffer.concat([this.#bytes, chunk])));
    this.#socket.resume();
    for (const until = Date.now() + 10_000; Date.now() < until && !this.#socket.closed;) {
      if (this.#parse().closed !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    this.#socket.destroy();
    return this.#parse();
  }

  /** Frames of a server, RFC 6455, section 5.2: not masked, and none of ours is in pieces. */
  #parse(): Received {
    const texts: string[] = [];
    let at = 0;
    while (at + 2 <= this.#bytes.length) {
      const opcode = (this.#bytes[at] ?? 0) & 0x0f;
      const short = (this.#bytes[at + 1] ?? 0) & 0x7f;
      const header = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (at + header > this.#bytes.length) break;
      const length =
        header === 4
          ? this.#bytes.readUInt16BE(at + 2)
          : header === 10
            ? Number(this.#bytes.readBigUInt64BE(at + 2))
            : short;
      const payload = this.#bytes.subarray(at + header, at + header + length);
      if (payload.length < length) break;
      at += header + length;
      if (opcode === 8) return { texts, closed: payload.readUInt16BE(0) };
      if (opcode === 1) texts.push(payload.toString());
    }
    return { texts, closed: null };
  }
}
