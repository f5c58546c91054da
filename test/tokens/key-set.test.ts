import { describe, expect, test } from 'vitest';
import { newKey } from '../../src/tokens/key-edit.ts';
import {
  KEY_STATES,
  MAX_KEYS,
  activeKid,
  fingerprint,
  privateKeySetSchema,
  publicKeys,
  type PrivateKey,
} from '../../src/tokens/key-set.ts';

const active = await newKey('active');
const others = await Promise.all(Array.from({ length: MAX_KEYS }, () => newKey('verify')));

const rulesOf = (keys: readonly unknown[]): string[] => {
  const parsed = privateKeySetSchema.safeParse({ keys });
  return parsed.success ? [] : parsed.error.issues.map(({ message }) => message);
};
const changed = (changes: Partial<Record<keyof PrivateKey, unknown>>) => ({ ...active, ...changes });

describe('a private key set', () => {
  test('holds one active key, and the others that it may have', () => {
    expect(rulesOf([active])).toEqual([]);
    expect(rulesOf([active, { ...others[0], reeve_state: 'next' }, others[1]])).toEqual([]);
  });

  test('is refused without an active key, or with two', () => {
    expect(rulesOf([])).toContain('must hold at least one key');
    expect(rulesOf([others[0]])).toEqual(['must hold exactly one active key']);
    expect(rulesOf([active, { ...others[0], reeve_state: 'active' }])).toEqual(['must hold exactly one active key']);
  });

  test('may hold sixteen keys and not seventeen', () => {
    expect(rulesOf([active, ...others.slice(0, 15)])).toEqual([]);
    expect(rulesOf([active, ...others])).toEqual(['must hold at most 16 keys']);
  });

  test('is refused where two keys have one kid', () => {
    expect(rulesOf([active, { ...others[0], kid: active.kid }])).toEqual(['must not hold a kid twice']);
  });

  test('is refused for a key of another kind, with the rule and not the value', () => {
    expect(rulesOf([changed({ kty: 'RSA' })])).toEqual(['must be EC']);
    expect(rulesOf([changed({ crv: 'P-384' })])).toEqual(['must be P-256']);
    for (const member of ['x', 'y', 'd', 'kid'] as const) {
      for (const value of ['', 'A'.repeat(42), 'A'.repeat(44), `${'A'.repeat(42)}+`]) {
        expect(rulesOf([changed({ [member]: value })]), member).toEqual(['must be 32 bytes in base64url']);
      }
      expect(rulesOf([changed({ [member]: undefined })]), member).toHaveLength(1);
    }
    expect(rulesOf([changed({ alg: 'ES384' })])).toHaveLength(1);
    expect(rulesOf([changed({ use: 'enc' })])).toHaveLength(1);
    expect(rulesOf([changed({ reeve_state: 'old' })])).toHaveLength(1);
  });

  test('drops members that it does not know, so that they are never published', () => {
    const parsed = privateKeySetSchema.parse({ keys: [{ ...active, p: 'private too', note: 'x' }] });
    expect(Object.keys(parsed.keys[0] ?? {})).not.toContain('p');
  });
});

describe('the published keys', () => {
  const keys = KEY_STATES.toReversed().map((state, at) => ({ ...(others[at] ?? active), reeve_state: state }));
  const published = () => publicKeys(privateKeySetSchema.parse({ keys }));

  test('are the active, next and verify ones, in this order, and never the tainted', () => {
    const kids = (['active', 'next', 'verify'] as const).map(
      (state) => keys.find((key) => key.reeve_state === state)?.kid,
    );
    expect(published().keys.map(({ kid }) => kid)).toEqual(kids);
  });

  test('hold no private part and no state', () => {
    for (const key of published().keys) {
      expect(Object.keys(key).toSorted()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    }
    const text = JSON.stringify(published());
    for (const { d } of keys) expect(text).not.toContain(d);
  });
});

describe('what a town is told of its keys', () => {
  const [next, old] = [{ ...others[0], reeve_state: 'next' }, others[1]];
  const setOf = (...keys: unknown[]) => privateKeySetSchema.parse({ keys });

  test('is which one signs, wherever it stands', () => {
    expect(activeKid(setOf(next, active, old))).toBe(active.kid);
  });

  test('is a fingerprint that changes with each key that comes, goes or changes its state, and not with their order', () => {
    const sets = [
      [active],
      [active, next],
      [active, old],
      [active, { ...next, reeve_state: 'tainted' }],
      [active, next, old],
    ];
    const prints = sets.map((keys) => fingerprint(setOf(...keys)));
    expect(new Set(prints).size).toBe(sets.length);
    expect(fingerprint(setOf(old, next, active))).toBe(fingerprint(setOf(active, next, old)));
  });

  test('holds no private part', () => {
    const print = fingerprint(setOf(active, next, old));
    for (const { d } of [active, ...others.slice(0, 2)]) expect(print).not.toContain(d);
  });
});
