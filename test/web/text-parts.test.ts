import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { partsOf } from '../../web/lib/text-parts.ts';

const code = (text: string) => ({ isCode: true, text });
const prose = (text: string) => ({ isCode: false, text });

describe('a text of an agent', () => {
  test('is shown with its code apart, without the fences', () => {
    const text = 'Look:\n```ts\nconst a = 1;\n\nconst b = 2;\n```\nand so on';
    expect(partsOf(text)).toEqual([prose('Look:'), code('const a = 1;\n\nconst b = 2;'), prose('and so on')]);
  });

  test('is code to its end where a fence is still open, as while it is written', () => {
    expect(partsOf('Look:\n```\nconst a')).toEqual([prose('Look:'), code('const a')]);
  });

  test('loses no word of its own, whatever it is', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', ' ', '\n', '\n```\n', '\n```js\n')), (pieces) => {
        const shown = partsOf(pieces.join('')).map((part) => part.text);
        const words = (of: readonly string[]): number => of.join('').replaceAll(/[^a]/g, '').length;
        expect(words(shown)).toBe(words(pieces));
      }),
    );
  });
});
