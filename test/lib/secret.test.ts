import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { Secret, base64url, randomBytes, sameDigest, sha256 } from '../../src/lib/secret.ts';

const TEXT = 'correct-horse-battery';

describe('a secret', () => {
  test('prints as redacted wherever it ends up by mistake', () => {
    const secret = new Secret(TEXT);
    expect(String(secret)).toBe('[redacted]');
    expect(secret.toString()).toBe('[redacted]');
    expect(JSON.stringify({ deep: [{ secret }] })).toBe('{"deep":[{"secret":"[redacted]"}]}');
    expect(new Error(`bad ${secret.toString()}`).message).not.toContain(TEXT);
    expect(inspect(secret)).not.toContain(TEXT);
    expect(inspect({ secret }, { showHidden: true, depth: 9 })).not.toContain(TEXT);
    expect(Object.values(secret)).toEqual([]);
  });

  test('is the same text when it is revealed', () => {
    expect(new Secret(TEXT).reveal()).toBe(TEXT);
  });

  test('matches itself and nothing else, of whatever length', async () => {
    const secret = new Secret(TEXT);
    expect(await secret.matches(TEXT)).toBe(true);
    for (const other of ['', TEXT.slice(1), `${TEXT} `, TEXT.toUpperCase(), '[redacted]']) {
      expect(await secret.matches(other)).toBe(false);
    }
  });
});

describe('digests', () => {
  test('are SHA-256 in base64url without padding', async () => {
    for (const text of ['', 'abc', 'ünïcödé 🦊', 'x'.repeat(10_000)]) {
      expect(await sha256(text)).toBe(createHash('sha256').update(text, 'utf8').digest('base64url'));
    }
  });

  test('are the same only where every character is', async () => {
    const digest = await sha256('a');
    expect(sameDigest(digest, digest)).toBe(true);
    for (let at = 0; at < digest.length; at += 1) {
      const changed = digest.slice(0, at) + (digest[at] === 'A' ? 'B' : 'A') + digest.slice(at + 1);
      expect(sameDigest(digest, changed)).toBe(false);
    }
    expect(sameDigest(digest, digest.slice(1))).toBe(false);
    expect(sameDigest(digest, `${digest}A`)).toBe(false);
    expect(sameDigest('', digest)).toBe(false);
  });

  test('base64url uses the alphabet of RFC 4648, section 5, for every byte', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
    expect(base64url(bytes)).toBe(Buffer.from(bytes).toString('base64url'));
    expect(base64url(new Uint8Array([0xfb, 0xff]))).toBe('-_8');
  });

  test('random bytes are as many as asked for, and never the same', () => {
    expect(randomBytes(32)).toHaveLength(32);
    expect(base64url(randomBytes(16))).not.toBe(base64url(randomBytes(16)));
  });
});
