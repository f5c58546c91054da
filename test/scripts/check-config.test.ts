import { describe, expect, test } from 'vitest';
import { validateConfig } from '../../scripts/check-config.ts';
import { newKey } from '../../src/tokens/key-edit.ts';
import { bindings } from '../support/bindings.ts';

const [one, two] = await Promise.all([newKey('active'), newKey('next')]);
const check = (keys: readonly unknown[]) => validateConfig(bindings({ SIGNING_KEYS: JSON.stringify({ keys }) }));
const BAD_KEYS = [
  {
    variable: 'SIGNING_KEYS',
    rule: 'must hold valid P-256 key pairs, each with the RFC 7638 thumbprint of its key as kid',
  },
];

describe('the configuration as start and deploy check it', () => {
  test('is good where the Worker takes it and every key can be used', async () => {
    expect(await validateConfig(bindings())).toEqual([]);
    expect(await check([one, two])).toEqual([]);
  });

  test('A-08: is refused by every rule of the Worker', async () => {
    expect(await validateConfig(bindings({ TOKEN_TTL_SECONDS: '7799', HEARTBEAT_SECONDS: '0' }))).toMatchObject([
      { variable: 'HEARTBEAT_SECONDS' },
    ]);
    expect(await validateConfig(bindings({ TOKEN_TTL_SECONDS: '7799' }))).toMatchObject([
      { variable: 'TOKEN_TTL_SECONDS', rule: expect.stringContaining('at least 2 * REFRESH_INTERVAL_SECONDS') },
    ]);
  });

  test('is refused where a kid is not the thumbprint of its key, which the Worker would find out with its first token', async () => {
    expect(await check([{ ...one, kid: two.kid }])).toEqual(BAD_KEYS);
  });

  test('is refused where a key that signs only later is broken', async () => {
    expect(await check([one, { ...two, d: one.d }])).toEqual(BAD_KEYS);
    expect(await check([one, { ...two, y: one.y }])).toEqual(BAD_KEYS);
    expect(await check([one, { ...two, kid: 'k'.repeat(43) }])).toEqual(BAD_KEYS);
  });
});
