/** What everything does that stands between two servers: it reads a request to its end, and asks another server the same. */
import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';

/** One request, or one answer, that is there as a whole. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** Rejects where the asker is gone. */
export async function readRequest(incoming: IncomingMessage): Promise<Asked> {
  const { method = '', url: path = '', headers } = incoming;
  return { method, path, headers, body: await textOf(incoming) };
}

/** Asks the server that listens on a port of this machine. Rejects where it is not reached, or goes away. */
export async function handOn(port: number, { method, path, headers, body }: Asked): Promise<Answered> {
  // Not compressed, so that what is answered can be read here.
  const asked = { ...headers, 'accept-encoding': 'identity' };
  const sent = request({ host: '127.0.0.1', port, method, path, headers: asked });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const text = await textOf(answer);
  return { status: answer.statusCode ?? 502, headers: answer.headers, rawHeaders: answer.rawHeaders, body: text };
}

async function textOf(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}
