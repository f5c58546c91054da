import { expect, it } from 'vitest';
import { MAX_RUNTIME_SECRET_BYTES, MAX_STDERR_UNITS } from '#protocol';
import { StderrTail, scrub } from '../../../../container/agents/process/stderr-tail.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function tailOf(secrets: readonly string[], ...chunks: readonly string[]): StderrTail {
  const tail = new StderrTail(secrets);
  for (const chunk of chunks) tail.add(bytes(chunk));
  return tail;
}

it('keeps the end, in bounded memory, whatever the pieces are', () => {
  expect(tailOf([], 'one ', 'two').text()).toBe('one two');
  const long = tailOf([], 'begin', ...Array.from({ length: 100 }, () => 'x'.repeat(10_000)), 'end').text();
  expect(long).toBe(`${'x'.repeat(MAX_STDERR_UNITS - 3)}end`);
  expect(tailOf([], `begin${'x'.repeat(10 * MAX_STDERR_UNITS)}`).text()).toBe('x'.repeat(MAX_STDERR_UNITS));
});

it('holds no secret, also one that comes in two pieces, or is a part of another', () => {
  expect(tailOf(['abc', 'abcdef'], 'say ab', 'cdef and abc').text()).toBe('say [redacted] and [redacted]');
  expect(scrub('nothing', [''])).toBe('nothing');
});

it('holds no end of a secret whose beginning is cut off', () => {
  const kept = MAX_STDERR_UNITS + MAX_RUNTIME_SECRET_BYTES;
  const secret = 'the-secret-of-ada';
  // So many secrets that what is left of the text is short enough to be shown from its beginning on.
  const whole = `${secret}${secret.repeat(Math.floor(kept / secret.length) + 5)}`;
  for (let cut = 0; cut < secret.length; cut += 1) {
    const text = tailOf([secret], `${whole}${'.'.repeat(cut)}`).text();
    expect(text.replaceAll('[redacted]', '')).toBe('.'.repeat(cut));
  }
});

it('is well-formed text, also where it is cut in a character', () => {
  const text = tailOf([], '€'.repeat(MAX_STDERR_UNITS)).text();
  expect(text.isWellFormed()).toBe(true);
  expect(tailOf([], '😀'.repeat(MAX_STDERR_UNITS)).text().isWellFormed()).toBe(true);
});
