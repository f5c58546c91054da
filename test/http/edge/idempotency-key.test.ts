import { describe, expect, test } from 'vitest';
import { MAX_IDEMPOTENCY_KEY_CHARS } from '#protocol';
import { idempotencyKeyOf } from '../../../src/http/edge/idempotency-key.ts';
import { Refusal } from '../../../src/http/edge/problem.ts';

const LONGEST = 'k'.repeat(MAX_IDEMPOTENCY_KEY_CHARS);

describe('the name that a sender gives to a message', () => {
  test.each([
    [undefined, undefined, null],
    [undefined, 'field', 'field'],
    ['bare-key_1.2~', undefined, 'bare-key_1.2~'],
    ['"8e03978e-40d5-43dd-bc93-6894a57f9324"', undefined, '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['"with \\"quotes\\" is no key"', undefined, null],
    ['"a\\\\b"', undefined, 'a\\b'],
    ['"same"', 'same', 'same'],
    [LONGEST, undefined, LONGEST],
    [`"${LONGEST}"`, undefined, LONGEST],
  ])('%s and the field %s', (header, field, key) => {
    if (key === null && header !== undefined) expect(() => idempotencyKeyOf(header, field)).toThrow(Refusal);
    else expect(idempotencyKeyOf(header, field)).toBe(key);
  });

  test.each(['', ' ', '""', '"open', 'open"x y', '"a"b', '"a";p=1', '"tab\\t"', 'é', `${LONGEST}k`, `"${LONGEST}k"`])(
    '%j is none, and is refused',
    (header) => {
      expect(() => idempotencyKeyOf(header, undefined)).toThrow(Refusal);
    },
  );

  test('a header and a field that differ are refused', () => {
    expect(() => idempotencyKeyOf('"one"', 'other')).toThrow(Refusal);
  });
});
