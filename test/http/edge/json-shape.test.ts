import { expect, it } from 'vitest';
import { isIntricate } from '../../../src/http/edge/json-shape.ts';

const isRefused = (text: string): boolean => isIntricate(new TextEncoder().encode(text));
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

it('a body of 200 levels is taken, and one of 201 is not, whether it ends or not', () => {
  expect(isRefused(nested(200))).toBe(false);
  expect(isRefused(nested(201))).toBe(true);
  expect(isRefused('{"a":'.repeat(201))).toBe(true);
  expect(isRefused(`[${`${nested(100)},`.repeat(10)}1]`)).toBe(false);
});

it('a body of 100,000 values is taken, and one of one more is not', () => {
  expect(isRefused(`[${'1,'.repeat(99_999)}1]`)).toBe(false);
  expect(isRefused(`[${'1,'.repeat(100_000)}1]`)).toBe(true);
});

it('what stands in a string is text, whatever its escapes, also in one that does not end', () => {
  for (const text of ['[', ',', '\\"[', '\\\\\\"{']) expect(isRefused(`"${text.repeat(200_000)}"`)).toBe(false);
  expect(isRefused(`"${'['.repeat(300)}`)).toBe(false);
  expect(isRefused(`"\\\\"${'['.repeat(201)}`)).toBe(true);
});
