/** Stands between the Worker and a control server, in either direction, hands everything on, and keeps what crossed. */
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';

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
    const { method = '', url = '', headers } = incoming;
    const body = await textOf(incoming);
    const crossed = { method, path: url, authorization: headers.authorization ?? '', body };
    this.crossed.push(crossed);
    // Not compressed, so that what is answered can be read here.
    const asked = { ...headers, 'accept-encoding': 'identity' };
    const sent = request({ host: '127.0.0.1', port: target, method, path: url, headers: asked });
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const text = await textOf(answer);
    this.answers.push(`${answer.rawHeaders.join(' ')}\n${text}`);
    await this.beforeAnswer(crossed);
    return { status: answer.statusCode ?? 502, headers: answer.headers, body: text };
  }
}

async function textOf(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}
