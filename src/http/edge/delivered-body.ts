const encoder = new TextEncoder();

/** Headers of server-sent events; the last tells nginx not to hold them back. */
export const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
} as const;

/** One of them, without a name, which many clients do not read. */
export const data = (content: object): string => `data: ${JSON.stringify(content)}\n\n`;

/**
 * The body of an answer, of which it is known whether the client took it all. Its texts are asked for as fast as they are taken, and no
 * faster. `whenTaken` is called once, when more is asked for after the last one; where the client leaves before, it is not, and
 * `texts` is asked to end.
 */
export function deliveredBody(texts: AsyncIterator<string>, whenTaken: () => void): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const next = await texts.next();
        if (next.done !== true) return controller.enqueue(encoder.encode(next.value));
        controller.close();
        whenTaken();
      },
      cancel: async () => void (await texts.return?.()),
    },
    { highWaterMark: 0 },
  );
}

/** A whole answer as JSON, of which it is known too whether the client took it. */
export function jsonAnswer(status: number, body: object, whenTaken: () => void): Response {
  const text = JSON.stringify(body);
  const one = (async function* () {
    yield text;
  })();
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  return new Response(deliveredBody(one, whenTaken), { status, headers });
}
