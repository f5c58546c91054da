import { expect, it } from 'vitest';
import { MAX_RETRY_AFTER_MS, retryAfterMs } from '#protocol';

it('Retry-After is taken in seconds, up to five minutes on both sides, and anything else counts as none', () => {
  expect(retryAfterMs('30')).toBe(30_000);
  expect(retryAfterMs('300')).toBe(MAX_RETRY_AFTER_MS);
  for (const more of ['301', '86400', '9'.repeat(400)]) expect(retryAfterMs(more)).toBe(MAX_RETRY_AFTER_MS);
  for (const odd of ['', ' ', '-5', '0', '1.5', '1e3', '0x10', 'soon', 'Wed, 21 Oct 2030 07:28:00 GMT', 'Infinity']) {
    expect(retryAfterMs(odd), odd).toBe(0);
  }
  expect(retryAfterMs(null)).toBe(0);
});
