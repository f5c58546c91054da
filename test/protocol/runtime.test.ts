import { describe, expect, test } from 'vitest';
import { launchSchema, runtimeSchema } from '#protocol';

const COMMAND = { command: 'claude' };
const RUNTIME = {
  command: 'claude',
  args: [],
  env: {},
  cwd: null,
  credentials: 'none',
  secrets: [],
  permissions: 'ask',
};

const accepts = (change: object): boolean => runtimeSchema.safeParse({ ...COMMAND, ...change }).success;
const launches = (change: object): boolean => launchSchema.safeParse({ ...COMMAND, ...change }).success;
const names = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`NAME_${at}`, 'value']));

describe('a runtime', () => {
  test('is a command, asks a person, and gets no credential and no secret unless it says so', () => {
    expect(runtimeSchema.parse(COMMAND)).toEqual(RUNTIME);
    const { secrets: _, ...rest } = RUNTIME;
    expect(launchSchema.parse(COMMAND)).toEqual({ ...rest, secrets: {} });
  });

  test.each([
    ['command', { command: 'c'.repeat(256) }, { command: 'c'.repeat(257) }],
    ['args', { args: Array.from({ length: 64 }, () => '') }, { args: Array.from({ length: 65 }, () => '') }],
    ['an argument', { args: ['a'.repeat(4096)] }, { args: ['a'.repeat(4097)] }],
    ['env', { env: names(64) }, { env: names(65) }],
    ['a value', { env: { A: 'v'.repeat(8192) } }, { env: { A: 'v'.repeat(8193) } }],
    ['a name', { env: { ['A'.repeat(128)]: '' } }, { env: { ['A'.repeat(129)]: '' } }],
    ['cwd', { cwd: `/${'d'.repeat(1023)}` }, { cwd: `/${'d'.repeat(1024)}` }],
    ['secrets', { secrets: Object.keys(names(16)) }, { secrets: Object.keys(names(17)) }],
  ])('%s is taken at its limit, and not one over', (_, atLimit, over) => {
    expect([accepts(atLimit), accepts(over)]).toEqual([true, false]);
  });

  test('secrets are taken at their limit in number and in bytes, and not one over', () => {
    expect([launches({ secrets: names(16) }), launches({ secrets: names(17) })]).toEqual([true, false]);
    const value = (bytes: number) => ({ secrets: { KEY: 'é'.repeat(bytes / 2) } });
    expect([launches(value(16 * 1024)), launches(value(16 * 1024 + 2))]).toEqual([true, false]);
  });

  test.each(['REEVE_TOKEN_FILE', 'HOME', 'USER', 'LOGNAME', 'LD_PRELOAD', 'NODE_OPTIONS', '1A', 'A-B', 'A=B', ''])(
    'does not set the variable %j, as a value or as a secret',
    (name) => {
      expect([accepts({ env: { [name]: 'v' } }), accepts({ secrets: [name] })]).toEqual([false, false]);
      expect(launches({ secrets: { [name]: 'v' } })).toBe(false);
    },
  );

  test.each([
    { command: '' },
    { command: 'a\nb' },
    { command: 'a\0b' },
    { args: ['a\0b'] },
    { env: { A: 'a\0b' } },
    { cwd: 'relative' },
    { cwd: '/a\0b' },
    { credentials: 'env' },
    { permissions: 'maybe' },
    { shell: true },
    { args: ['\ud800'] },
  ])('is refused with %j', (change) => {
    expect(accepts(change)).toBe(false);
  });
});
