import { describe, expect, test } from 'vitest';
import { strangeVariables } from '../../src/lib/variables.ts';

describe('a variable that is not read', () => {
  test.each([
    ['TOKEN_TTL', 'TOKEN_TTL_SECONDS'],
    ['TOKEN_TTL_MINUTES', 'TOKEN_TTL_SECONDS'],
    ['TOKEN_TTL_SECOND', 'TOKEN_TTL_SECONDS'],
    ['token_ttl_seconds', 'TOKEN_TTL_SECONDS'],
    ['CONTAINER_URLS', 'CONTAINER_URL'],
    ['SINGING_KEYS', 'SIGNING_KEYS'],
    ['REFRESH_INTERVAL', 'REFRESH_INTERVAL_SECONDS'],
    ['PUSH_TIMEOUT', 'PUSH_TIMEOUT_MS'],
    ['REEVE_STATE', 'REEVE_STATE_DIR'],
    ['REEVE_DEVTOKEN', 'REEVE_DEV_TOKEN'],
  ])('%s is reported, with the one that is meant: %s', (name, meant) => {
    expect(strangeVariables({ [name]: 'a-value-that-stays-unsaid' })).toEqual([
      `${name} is not read; is ${meant} meant?`,
    ]);
  });

  test('with the prefix of ours is reported, also where nothing is near', () => {
    expect(strangeVariables({ REEVE_COLOUR: '1' })).toEqual([
      'REEVE_COLOUR is not read; the table in README.md has all that are',
    ]);
  });

  test('is left alone where it is one of ours, empty, or belongs to another program', () => {
    const others = [
      'PATH',
      'HOME',
      'PORT',
      'NODE_ENV',
      'CONTAINER',
      'CONTAINER_ID',
      'npm_config_loglevel',
      'TOKEN',
      'PUBLIC_KEY',
    ];
    expect(strangeVariables(Object.fromEntries(others.map((name) => [name, 'x'])))).toEqual([]);
    expect(
      strangeVariables({ TOKEN_TTL: '', TOKEN_TTL_SECONDS: '10', REEVE_API_URL: 'x', CONTAINER_PORT: '1' }),
    ).toEqual([]);
  });
});
