import { describe, expect, test } from 'vitest';
import { newKey } from '../../src/tokens/key-edit.ts';
import { KeyRing } from '../../src/tokens/key-ring.ts';

const [one, two, three] = await Promise.all([newKey('active'), newKey('verify'), newKey('tainted')]);

describe('a key ring', () => {
  test('signs with the active key and finds every key by its kid, tainted ones too', async () => {
    const ring = await KeyRing.import({ keys: [two, one, three] });
    expect(ring.signing.kid).toBe(one.kid);
    expect(ring.find(one.kid)?.state).toBe('active');
    expect(ring.find(two.kid)?.state).toBe('verify');
    expect(ring.find(three.kid)?.state).toBe('tainted');
    expect(ring.find('unknown')).toBeUndefined();
    expect(ring.find('__proto__')).toBeUndefined();
  });

  test('holds public keys for reading, and a private key that cannot be taken out', async () => {
    const ring = await KeyRing.import({ keys: [one, two] });
    expect(ring.find(one.kid)?.publicKey).toMatchObject({ type: 'public', usages: ['verify'] });
    expect(ring.signing.key).toMatchObject({ type: 'private', extractable: false, usages: ['sign'] });
  });

  test('is refused where a kid is not the thumbprint of its key, and the error quotes nothing of the set', async () => {
    const refused = KeyRing.import({ keys: [{ ...one, kid: two.kid }] });
    await expect(refused).rejects.toThrow('SIGNING_KEYS: a kid is not the RFC 7638 thumbprint of its key');
    await expect(refused).rejects.not.toThrow(one.d);
  });

  test('is refused where the point is not on the curve, or the private part is that of another key', async () => {
    await expect(KeyRing.import({ keys: [{ ...one, d: two.d }] })).rejects.toThrow();
    await expect(KeyRing.import({ keys: [{ ...one, y: two.y }] })).rejects.toThrow();
  });

  test('is refused without an active key', async () => {
    await expect(KeyRing.import({ keys: [two] })).rejects.toThrow('no active key');
  });
});
