/** Stands between the Worker and a control server, in either direction, hands everything on, and keeps what crossed. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import { handOn, readRequest } from './hand-on.ts';

/** One request as it crossed. */
export interface Crossed {
  readonly method: string;
  readonly path: string;
  readonly authorization: string;
  readonly body: string;
}

export class Wiretap {
  readonly crossed: Crossed[] = [];
  /** Everything that was answered, as text. */
  readonly answers: string[] = [];
  /** Awaited when an answer is there, before it is handed on. */
  beforeAnswer: (crossed: Crossed) => Promise<void> = () => Promise.resolve();
  readonly #server: Server;

  /** Listens on `port` for requests to the server that listens on `target`. */
  static async open(port: number, target: number): Promise<Wiretap> {
    const tap = new Wiretap(target);
    tap.#server.listen(port, '127.0.0.1');
    await once(tap.#server, 'listening');
    return tap;
  }

  private constructor(target: number) {
    this.#server = createServer((incoming, outgoing) => {
      void this.#handOn(incoming, target).then(
        ({ status, headers, body }) => outgoing.writeHead(status, headers).end(body),
        // The other end is gone: so is the connection.
        () => outgoing.destroy(),
      );
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #handOn(incoming: IncomingMessage, target: number) {
    const asked = await readRequest(incoming);
    const { method, path, headers, body } = asked;
    const crossed = { method, path, authorization: headers.authorization ?? '', body };
    this.crossed.push(crossed);
    const answer = await handOn(target, asked);
    this.answers.push(`${answer.rawHeaders.join(' ')}\n${answer.body}`);
    await this.beforeAnswer(crossed);
    return answer;
  }
}
