import { describe, expect, it } from 'vitest';
import { UsedTokens } from '../../../container/control/used-tokens.ts';

describe('UsedTokens', () => {
  it('each id is good once', () => {
    const used = new UsedTokens();
    expect(used.useOnce('one', 100, 0)).toBe(true);
    expect(used.useOnce('one', 100, 99)).toBe(false);
    expect(used.useOnce('other', 100, 0)).toBe(true);
  });

  it('takes 50,000 that are alive, refuses one more, and takes it when the first have ended', () => {
    const used = new UsedTokens();
    for (let count = 0; count < 50_000; count += 1) expect(used.useOnce(`jti-${count}`, 100, 0)).toBe(true);
    expect(used.useOnce('one-more', 200, 99)).toBe(false);
    expect(used.useOnce('one-more', 200, 100)).toBe(true);
  });
});
