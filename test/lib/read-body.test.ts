import { describe, expect, it } from 'vitest';
import { readBody, readText } from '../../src/lib/read-body.ts';

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
  return new Request('http://control.example', { method: 'POST', body, duplex: 'half' });
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
    const request = new Request('http://control.example', {
      method: 'POST',
      body: 'x',
      headers: { 'content-length': '11' },
    });
    expect(await readBody(request, LIMIT)).toBeNull();
    expect(request.bodyUsed).toBe(false);
  });

  it('a request without a body has an empty one', async () => {
    expect(await readBody(new Request('http://control.example'), LIMIT)).toHaveLength(0);
  });
});

/** A body that counts what is taken of it and tells whether it was cancelled. */
function source(chunks: readonly Uint8Array<ArrayBuffer>[]) {
  const seen = { pulled: 0, cancelled: false };
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      pull: (controller) => {
        const chunk = chunks[seen.pulled];
        if (chunk === undefined) return controller.close();
        seen.pulled += 1;
        controller.enqueue(chunk);
      },
      cancel: () => void (seen.cancelled = true),
    },
    { highWaterMark: 0 },
  );
  return { response: new Response(body), seen };
}

const bytes = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(new TextEncoder().encode(text));

describe('readText: a body', () => {
  it('is read whole up to its limit, and not at all one byte over', async () => {
    expect(await readText(new Response('x'.repeat(100)), 100)).toBe('x'.repeat(100));
    expect(await readText(new Response('x'.repeat(101)), 100)).toBeNull();
  });

  it('is measured in bytes, not in characters', async () => {
    expect(await readText(new Response('é'.repeat(50)), 100)).toBe('é'.repeat(50));
    expect(await readText(new Response('é'.repeat(50)), 99)).toBeNull();
  });

  it('that is too long is cut off: the rest is not read and the transfer ends', async () => {
    const { response, seen } = source(Array.from({ length: 1000 }, () => bytes('x'.repeat(10))));
    expect(await readText(response, 25)).toBeNull();
    expect(seen.pulled).toBeLessThan(6);
    expect(seen.cancelled).toBe(true);
  });

  it('keeps a character whole that two chunks share', async () => {
    const fox = bytes('🦊');
    const { response } = source([fox.slice(0, 1), fox.slice(1, 3), fox.slice(3)]);
    expect(await readText(response, 4)).toBe('🦊');
  });

  it('that is not there is the empty text', async () => {
    expect(await readText(new Response(null, { status: 204 }), 0)).toBe('');
    expect(await readText(new Response(''), 0)).toBe('');
  });
});
