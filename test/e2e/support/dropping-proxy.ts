/** A proxy between a client and the stack, which breaks connections as networks do. */
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** When the connection of a request breaks: after so many ms without an answer, or after so many pieces of one. */
export type Break = { readonly afterMs: number } | { readonly afterChunks: number };

/** What was passed on has arrived after so long (ms). */
const ARRIVED_MS = 100;

/** Passes everything on to one origin, but for the connections that it was asked to break. */
export class DroppingProxy {
  /** Requests that came, whatever became of them. */
  requests = 0;
  readonly #server: Server;
  readonly #target: URL;
  readonly #breaks: Break[] = [];

  private constructor(target: URL) {
    this.#target = target;
    this.#server = createServer((incoming, outgoing) => this.#pass(incoming, outgoing));
  }

  static async to(origin: string): Promise<DroppingProxy> {
    const proxy = new DroppingProxy(new URL(origin));
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next requests, one for each, are broken off. */
  breakNext(...breaks: readonly Break[]): void {
    this.#breaks.push(...breaks);
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => void this.#server.close(() => resolve()));
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    this.requests += 1;
    const broken = this.#breaks.shift() ?? null;
    const { host, hostname, port } = this.#target;
    const { method, url: path } = incoming;
    const onward = request({ hostname, port, method, path, headers: { ...incoming.headers, host } }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      let chunks = 0;
      answer.on('data', (chunk: Buffer) => {
        chunks += 1;
        outgoing.write(chunk);
        // Once the client has them: one that has got nothing sends again by itself.
        if (broken !== null && 'afterChunks' in broken && chunks === broken.afterChunks) setTimeout(drop, ARRIVED_MS);
      });
      answer.on('end', () => outgoing.end());
      answer.on('error', () => outgoing.destroy());
    });
    const drop = (): void => {
      onward.destroy();
      outgoing.destroy();
    };
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => void onward.destroy());
    incoming.pipe(onward);
    if (broken !== null && 'afterMs' in broken) setTimeout(drop, broken.afterMs);
  }
}
