import { describe, expect, test } from 'vitest';
import { readCapped } from '../../src/link/read-capped.ts';

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

describe('a body', () => {
  test('is read whole up to its limit, and not at all one byte over', async () => {
    expect(await readCapped(new Response('x'.repeat(100)), 100)).toBe('x'.repeat(100));
    expect(await readCapped(new Response('x'.repeat(101)), 100)).toBeNull();
  });

  test('is measured in bytes, not in characters', async () => {
    expect(await readCapped(new Response('é'.repeat(50)), 100)).toBe('é'.repeat(50));
    expect(await readCapped(new Response('é'.repeat(50)), 99)).toBeNull();
  });

  test('that is too long is cut off: the rest is not read and the transfer ends', async () => {
    const { response, seen } = source(Array.from({ length: 1000 }, () => bytes('x'.repeat(10))));
    expect(await readCapped(response, 25)).toBeNull();
    expect(seen.pulled).toBeLessThan(6);
    expect(seen.cancelled).toBe(true);
  });

  test('keeps a character whole that two chunks share', async () => {
    const fox = bytes('🦊');
    const { response } = source([fox.slice(0, 1), fox.slice(1, 3), fox.slice(3)]);
    expect(await readCapped(response, 4)).toBe('🦊');
  });

  test('that is not there is the empty text', async () => {
    expect(await readCapped(new Response(null, { status: 204 }), 0)).toBe('');
    expect(await readCapped(new Response(''), 0)).toBe('');
  });
});
