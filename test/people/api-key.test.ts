import { beforeEach, describe, expect, test } from 'vitest';
import { ApiKeyStore } from '../../src/directory/api-key-store.ts';
import { apiKeyAuthenticator, drawApiKey, prefixOf, type ApiKey } from '../../src/people/api-key.ts';
import { NOW_MS } from '../support/issuer.ts';
import { directoryDatabase } from '../support/sqlite.ts';

let keys: ApiKeyStore;
let nowMs = NOW_MS;
beforeEach(() => {
  keys = new ApiKeyStore(directoryDatabase());
  nowMs = NOW_MS;
});

const people = () =>
  apiKeyAuthenticator(
    (id) => keys.get(id),
    () => nowMs,
  );

async function stored(change: Partial<ApiKey> = {}): Promise<{ key: ApiKey; text: string }> {
  const { id, text, digest } = await drawApiKey();
  const lasts = { createdAtMs: NOW_MS, expiresAtMs: NOW_MS + 1000, revokedAtMs: null, parent: null };
  const key: ApiKey = { id, digest, person: 'oidc:ada', name: 'robot', scope: 'chat', ...lasts, ...change };
  expect(await keys.add(key, 100)).toEqual({ ok: true });
  return { key, text };
}

describe('an API key', () => {
  test('speaks for its person, within its scope, until it is over', async () => {
    const { key, text } = await stored();
    const ada = { id: 'oidc:ada', endsAtMs: NOW_MS + 1000, scope: 'chat', key: key.id };
    expect(await people().authenticate(text)).toEqual(ada);
    nowMs += 1000;
    expect(await people().authenticate(text)).toBeNull();
  });

  test('is refused from its revocation on', async () => {
    const { key, text } = await stored();
    await keys.revoke('oidc:bob', key.id, NOW_MS);
    expect(await people().authenticate(text)).not.toBeNull();
    expect(await keys.revoke('oidc:ada', key.id, NOW_MS)).toMatchObject({ revokedAtMs: NOW_MS });
    expect(await people().authenticate(text)).toBeNull();
    expect(await keys.revoke('oidc:ada', key.id, NOW_MS + 5)).toMatchObject({ revokedAtMs: NOW_MS });
  });

  test('is its whole text: with any character changed, missing or added it is no person', async () => {
    const { key, text } = await stored();
    for (let at = 0; at < text.length; at += 1) {
      const [before, after] = [text.slice(0, at), text.slice(at + 1)];
      for (const changed of [
        `${before}${text[at] === 'a' ? 'b' : 'a'}${after}`,
        before + after,
        `${before}0${text.slice(at)}`,
      ]) {
        expect(await people().authenticate(changed), changed).toBeNull();
      }
    }
    for (const part of ['', prefixOf(key.id), key.digest, `${prefixOf(key.id)}_${key.digest}`]) {
      expect(await people().authenticate(part), part).toBeNull();
    }
  });

  test('is stored as a digest only, and drawn anew each time', async () => {
    const [one, other] = [await stored(), await stored()];
    expect(JSON.stringify(await keys.get(one.key.id))).not.toContain(one.text.slice(-43));
    expect(one.text).not.toBe(other.text);
    expect(one.text.startsWith(`${prefixOf(one.key.id)}_`)).toBe(true);
  });
});
