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

  it('S-23: an id stays used past its end, and is refused where the clock is set back', () => {
    const used = new UsedTokens();
    expect(used.useOnce('one', 100, 0)).toBe(true);
    expect(used.useOnce('later', 5_000, 4_000)).toBe(true);
    expect(used.useOnce('one', 100, 50)).toBe(false);
  });

  it('S-23: of those that ended, 2,000 are remembered; what ends no later than a forgotten one is refused, the rest is taken', () => {
    const used = new UsedTokens();
    for (let end = 1; end <= 2_010; end += 1) expect(used.useOnce(`jti-${end}`, end, 0)).toBe(true);
    expect(used.useOnce('after-them', 9_000, 8_000)).toBe(true);
    expect(used.useOnce('jti-10', 10, 0)).toBe(false);
    expect(used.useOnce('never-seen', 10, 0)).toBe(false);
    expect(used.useOnce('jti-11', 11, 0)).toBe(false);
    expect(used.useOnce('never-seen', 11, 0)).toBe(true);
  });
});
