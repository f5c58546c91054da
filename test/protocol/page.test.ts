import { describe, expect, it } from 'vitest';
import { fillPage } from '#protocol';

const MAX = 1000;
const utf8 = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value)).length;

/** Follows `next` to the end of these texts. */
function pagesOf(texts: readonly string[], limit: number): { items: { text: string }[]; next: string | null }[] {
  const rows = texts.map((text, at) => ({ text, seq: at + 1 }));
  const pages = [];
  for (let after = 0; ;) {
    const left = rows.filter(({ seq }) => seq > after);
    const page = fillPage(
      left,
      limit,
      ({ text }) => ({ text }),
      ({ seq }) => String(seq),
      MAX,
    );
    pages.push(page);
    if (page.next === null) return pages;
    after = Number(page.next);
  }
}

describe('a page', () => {
  it('holds at most its limit, and `next` is null exactly where nothing follows', () => {
    expect(pagesOf([], 2)).toEqual([{ items: [], next: null }]);
    expect(pagesOf(['a', 'b'], 2)).toEqual([{ items: [{ text: 'a' }, { text: 'b' }], next: null }]);
    expect(pagesOf(['a', 'b', 'c'], 2).map(({ items, next }) => [items.length, next])).toEqual([
      [2, '2'],
      [1, null],
    ]);
  });

  it('holds at most its bytes as it is sent, escapes and all; what follows comes in the next', () => {
    for (const text of ['x'.repeat(90), '🦊'.repeat(30), '"\n'.repeat(40), '\u0000'.repeat(20)]) {
      const texts = Array.from({ length: 23 }, (_, nth) => `${nth}${text}`);
      const pages = pagesOf(texts, 200);
      expect(pages.length).toBeGreaterThan(2);
      for (const page of pages) expect(utf8(page)).toBeLessThanOrEqual(MAX);
      // None is shorter than it has to be: what is left of its bytes, but for its frame, has no room for the next.
      for (const page of pages.slice(0, -1)) expect(utf8(page)).toBeGreaterThan(MAX - 256 - utf8({ text }) - 4);
      expect(pages.flatMap(({ items }) => items.map((item) => item.text))).toEqual(texts);
    }
  });

  it('holds one item whatever its size, so that a reader who follows `next` comes to the end', () => {
    const long = 'x'.repeat(MAX);
    expect(pagesOf(['a', long, long, 'b'], 9).map(({ items }) => items.length)).toEqual([1, 1, 1, 1]);
  });

  it('takes from its source what it shows and one more, and no further', () => {
    let taken = 0;
    function* source(): Iterable<string> {
      for (;;) yield `${(taken += 1)}${'x'.repeat(300)}`;
    }
    const { items } = fillPage(
      source(),
      200,
      (text) => ({ text }),
      () => 'next',
      MAX,
    );
    expect([items.length, taken]).toEqual([2, 3]);
  });
});
