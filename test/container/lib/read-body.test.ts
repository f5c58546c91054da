import { describe, expect, it } from 'vitest';
import { readBody } from '../../../container/lib/read-body.ts';

const LIMIT = 10;

/** A request whose body comes in pieces, without a Content-Length. */
function streamed(pieces: readonly string[], onCancel = (): void => {}): Request {
  const queue = [...pieces];
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const piece = queue.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(piece));
    },
    cancel: onCancel,
  });
  return new Request('http://box.example', { method: 'POST', body, duplex: 'half' });
}

describe('readBody', () => {
  it('joins the pieces of a stream up to the limit', async () => {
    const body = await readBody(streamed(['12345', '67890']), LIMIT);
    expect(new TextDecoder().decode(body ?? undefined)).toBe('1234567890');
  });

  it('gives a stream up at the first byte too many', async () => {
    let cancelled = false;
    const request = streamed(['12345', '67890', '1', 'never read'], () => (cancelled = true));
    expect(await readBody(request, LIMIT)).toBeNull();
    expect(cancelled).toBe(true);
  });

  it('reads nothing where the declared length is too long', async () => {
    const request = new Request('http://box.example', {
      method: 'POST',
      body: 'x',
      headers: { 'content-length': '11' },
    });
    expect(await readBody(request, LIMIT)).toBeNull();
    expect(request.bodyUsed).toBe(false);
  });

  it('a request without a body has an empty one', async () => {
    expect(await readBody(new Request('http://box.example'), LIMIT)).toHaveLength(0);
  });
});
