import { expect, it } from 'vitest';
import { parseJson } from '../../src/lib/json.ts';

it('T6: what is no JSON is undefined; no error is thrown that could quote it', () => {
  expect(parseJson('{"a":1}')).toEqual({ a: 1 });
  for (const text of ['', '{"token":"eyJ', 'undefined']) expect(parseJson(text)).toBeUndefined();
});
