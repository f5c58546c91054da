import { describe, expect, test } from 'vitest';
import { exchangeLifetime } from '../../src/tokens/exchange-policy.ts';
import { NOW_MS, NOW_S } from '../support/issuer.ts';

describe('the lifetime of a token for a third party', () => {
  test.each([
    ['an hour, where the own token lives longer', 10_800, 3600],
    ['an hour, where the own token lives just so long', 3600, 3600],
    ['as long as the own token, where that is less', 3599, 3599],
    ['five minutes at least', 300, 300],
  ])('W-35: is %s', (_what, left, lifetime) => {
    expect(exchangeLifetime(NOW_S + left, NOW_MS + 999)).toEqual({ iat: NOW_S, exp: NOW_S + lifetime });
  });

  test.each([299, 0, -30])('W-35: is none where %i s of the own token are left', (left) => {
    expect(exchangeLifetime(NOW_S + left, NOW_MS)).toBeNull();
  });
});
