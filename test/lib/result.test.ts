import { expect, test } from 'vitest';
import { err, messageOf, ok } from '../../src/lib/result.ts';

test('a result holds a value or a reason, and says which', () => {
  expect(ok(7)).toEqual({ ok: true, value: 7 });
  expect(err('too_late')).toEqual({ ok: false, error: 'too_late' });
});

test('the message of whatever was thrown is text', () => {
  expect(messageOf(new TypeError('no such key'))).toBe('no such key');
  expect(messageOf('plain')).toBe('plain');
  expect(messageOf(undefined)).toBe('undefined');
});
