/** Stands between the Worker and a control server, hands everything on, and keeps what must not be found anywhere else. */
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
  readonly #server: Server;

  /** Listens on `port` for requests to a control server on `target`. */
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
        // The control server is gone: so is the connection.
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
    this.crossed.push({ method, path: url, authorization: headers.authorization ?? '', body });
    const sent = request({ host: '127.0.0.1', port: target, method, path: url, headers });
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const text = await textOf(answer);
    this.answers.push(`${answer.rawHeaders.join(' ')}\n${text}`);
    return { status: answer.statusCode ?? 502, headers: answer.headers, body: text };
  }
}

async function textOf(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}
