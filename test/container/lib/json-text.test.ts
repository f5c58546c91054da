import { describe, expect, it } from 'vitest';
import { piecesOf } from '../../../container/lib/json-text.ts';

describe('piecesOf', () => {
  it('splits without losing anything or halving a character', () => {
    const text = 'ab😀cd😀';
    for (const units of [2, 3, 4, 100]) {
      const pieces = piecesOf(text, units);
      expect(pieces.join('')).toBe(text);
      for (const piece of pieces) {
        expect(piece.length).toBeLessThanOrEqual(units);
        expect(piece.isWellFormed()).toBe(true);
      }
    }
    expect(piecesOf('', 4)).toEqual([]);
  });
});
