/** A request or an answer. */
type Message = Pick<Request | Response, 'headers' | 'body'>;

/**
 * The whole body, or null where it has more than `limit` bytes: the stream is given up at the first byte too many, whatever
 * Content-Length says. A declared length that is too long is refused before anything is read.
 */
export async function readBody(message: Message, limit: number): Promise<Uint8Array<ArrayBuffer> | null> {
  if (Number(message.headers.get('content-length') ?? 0) > limit) return null;
  if (message.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader: ReadableStreamDefaultReader<Uint8Array> = message.body.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    length += read.value.length;
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
