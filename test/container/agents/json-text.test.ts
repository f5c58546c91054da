import { describe, expect, it } from 'vitest';
import { cutToJsonBytes, piecesOf } from '../../../container/agents/json-text.ts';

describe('cutToJsonBytes', () => {
  it('leaves a text at the limit as it is, and cuts one byte more', () => {
    expect(cutToJsonBytes('x'.repeat(100), 100)).toEqual({ text: 'x'.repeat(100), truncated: false });
    expect(cutToJsonBytes('x'.repeat(101), 100)).toEqual({ text: 'x'.repeat(100), truncated: true });
  });

  it('never cuts a character in half', () => {
    expect(cutToJsonBytes('€€€', 8)).toEqual({ text: '€€', truncated: true });
    expect(cutToJsonBytes('a😀😀', 8)).toEqual({ text: 'a😀', truncated: true });
  });

  it('counts escapes as they are on the wire', () => {
    expect(cutToJsonBytes('"\n\u0000', 10)).toEqual({ text: '"\n\u0000', truncated: false });
    expect(cutToJsonBytes('"\n\u0000', 9)).toEqual({ text: '"\n', truncated: true });
    expect(cutToJsonBytes('\ud800x', 6)).toEqual({ text: '\ud800', truncated: true });
  });
});

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
