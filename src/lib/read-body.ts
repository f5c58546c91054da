/** A request or an answer. */
export type Message = Pick<Request | Response, 'headers' | 'body'>;

/** Whether the message says itself that it is longer than `limit`. */
export function isDeclaredTooLong({ headers }: Message, limit: number): boolean {
  return Number(headers.get('content-length') ?? 0) > limit;
}

/**
 * The whole body, or null where it has more than `limit` bytes: the stream is given up at the first byte too many, whatever
 * Content-Length says. A declared length that is too long is refused before anything is read. Rejects where the sender goes away.
 */
export async function readBody(message: Message, limit: number): Promise<Uint8Array<ArrayBuffer> | null> {
  if (isDeclaredTooLong(message, limit)) return null;
  if (message.body === null) return new Uint8Array();
  return collect(message.body.getReader(), limit, () => {});
}

/** The same as text. */
export async function readText(message: Message, limit: number): Promise<string | null> {
  const body = await readBody(message, limit);
  return body === null ? null : new TextDecoder().decode(body);
}

/** All that a stream brings, or null where that is more than `limit` bytes. `took` is called with the bytes of each piece. */
export async function collect(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  limit: number,
  took: (bytes: number) => void,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    length += read.value.length;
    took(read.value.length);
    if (length > limit) {
      await reader.cancel();
      return null;
    }
    chunks.push(read.value);
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}
