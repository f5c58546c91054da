import { calculateJwkThumbprint } from 'jose';
import { describe, expect, test } from 'vitest';
import { activated, newKey, newKeySet, pruned, rotated, tainted } from '../../src/tokens/key-edit.ts';
import { KeyRing } from '../../src/tokens/key-ring.ts';
import { MAX_KEYS, privateKeySetSchema, type PrivateKeySet } from '../../src/tokens/key-set.ts';

const [active, next, verify, bad, fresh] = await Promise.all([
  newKey('active'),
  newKey('next'),
  newKey('verify'),
  newKey('tainted'),
  newKey('active'),
]);
const SET: PrivateKeySet = { keys: [active, next, verify, bad] };

/** kid -> state, with each set proved to be one. */
const states = (edited: ReturnType<typeof rotated>): Record<string, string> | string => {
  if (!edited.ok) return edited.error;
  const { keys } = privateKeySetSchema.parse(edited.value);
  return Object.fromEntries(keys.map((key) => [key.kid, key.reeve_state]));
};

describe('a new key', () => {
  test('is a P-256 pair whose kid is its thumbprint, in the state that was asked for', async () => {
    const key = await newKey('verify');
    const { kty, crv, x, y } = key;
    expect(key).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig', reeve_state: 'verify' });
    expect(key.kid).toBe(await calculateJwkThumbprint({ kty, crv, x, y }));
  });

  test('set signs at once, and is another one each time', async () => {
    const [one, other] = await Promise.all([newKeySet(), newKeySet()]);
    expect((await KeyRing.import(one)).signing.kid).toBe(one.keys[0]?.kid);
    expect(one.keys[0]?.d).not.toBe(other.keys[0]?.d);
  });
});

describe('a rotation', () => {
  test('publishes a key ahead, and signs with the old one until it is activated', () => {
    const set = { keys: [active, verify] };
    expect(states(rotated(set, fresh))).toEqual({
      [active.kid]: 'active',
      [verify.kid]: 'verify',
      [fresh.kid]: 'next',
    });
  });

  test('is refused while another is under way', () => {
    expect(states(rotated(SET, fresh))).toBe('next_exists');
  });

  test('ends with the next key active and the old one for verifying only', () => {
    expect(states(activated(SET))).toEqual({
      [active.kid]: 'verify',
      [next.kid]: 'active',
      [verify.kid]: 'verify',
      [bad.kid]: 'tainted',
    });
  });

  test('cannot end before it began', () => {
    expect(states(activated({ keys: [active, verify] }))).toBe('no_next');
  });

  test('is refused where the set is full, and not one key earlier', () => {
    const keys = (count: number) =>
      Array.from({ length: count }, (_, at) => ({ ...verify, kid: `${at}`.padStart(43, 'k') }));
    expect(rotated({ keys: [active, ...keys(MAX_KEYS - 2)] }, fresh).ok).toBe(true);
    expect(states(rotated({ keys: [active, ...keys(MAX_KEYS - 1)] }, fresh))).toBe('full');
  });
});

describe('a tainted key', () => {
  test('hands over to the next one where it was the active one', () => {
    expect(states(tainted(SET, active.kid, fresh))).toEqual({
      [active.kid]: 'tainted',
      [next.kid]: 'active',
      [verify.kid]: 'verify',
      [bad.kid]: 'tainted',
    });
  });

  test('hands over to a fresh one where there is no next', () => {
    expect(states(tainted({ keys: [active, verify] }, active.kid, fresh))).toEqual({
      [active.kid]: 'tainted',
      [verify.kid]: 'verify',
      [fresh.kid]: 'active',
    });
  });

  test('changes nothing else where it was not the active one', () => {
    for (const { kid } of [next, verify, bad]) {
      expect(states(tainted(SET, kid, fresh))).toMatchObject({ [active.kid]: 'active', [kid]: 'tainted' });
    }
  });

  test('is the same when it is tainted again', () => {
    const once = tainted(SET, verify.kid, fresh);
    expect(once.ok && tainted(once.value, verify.kid, fresh)).toEqual(once);
  });

  test('has to be one of the set', () => {
    expect(states(tainted(SET, fresh.kid, fresh))).toBe('unknown_kid');
  });

  test('is refused its successor where the set is full', () => {
    const more = Array.from({ length: MAX_KEYS - 1 }, (_, at) => ({ ...verify, kid: `${at}`.padStart(43, 'k') }));
    expect(states(tainted({ keys: [active, ...more] }, active.kid, fresh))).toBe('full');
  });
});

test('pruning keeps what signs, now or next, and forgets the rest', () => {
  expect(pruned(SET)).toEqual({ keys: [active, next] });
  expect(pruned({ keys: [active] })).toEqual({ keys: [active] });
});

test('no edit changes the set that it was given', () => {
  const before = structuredClone(SET);
  rotated(SET, fresh);
  activated(SET);
  tainted(SET, active.kid, fresh);
  pruned(SET);
  expect(SET).toEqual(before);
});
