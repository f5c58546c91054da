import { describe, expect, test } from 'vitest';
import { parseConfig } from '../src/env.ts';
import { privateKeySetSchema } from '../src/tokens/key-set.ts';
import {
  CONTAINER_SECRET,
  DEV_TOKEN,
  bindings,
  configOf,
  loopbackBindings,
  type Bindings,
} from './support/bindings.ts';

/** Which variables are refused, in order. */
function refused(given: Bindings): string[] {
  const config = parseConfig(given);
  return config.ok ? [] : config.error.map(({ variable }) => variable);
}
const rulesOf = (given: Bindings): string[] => {
  const config = parseConfig(given);
  return config.ok ? [] : config.error.map(({ variable, rule }) => `${variable} ${rule}`);
};

describe('the configuration', () => {
  test('needs two variables and has the documented defaults for the others', () => {
    expect(configOf(bindings())).toMatchObject({
      publicUrl: 'https://reeve.example.com',
      trustDomain: 'reeve.example.com',
      tokenTtlSeconds: 10_800,
      refreshIntervalMs: 3_600_000,
      heartbeatSeconds: 30,
      pushTimeoutMs: 5000,
      containerUrls: ['https://container.example.com'],
      agentsPerContainer: 8,
      sleepAfterMs: 600_000,
      devToken: null,
    });
    expect(rulesOf({})).toEqual(['PUBLIC_URL is required', 'SIGNING_KEYS is required']);
  });

  test('without CONTAINER_URL the platform runs the containers, and none of them says hello', () => {
    const { containerUrls, containerSecret } = configOf(
      bindings({ CONTAINER_URL: undefined, CONTAINER_SECRET: undefined }),
    );
    expect([containerUrls, containerSecret]).toEqual([[], null]);
    expect(rulesOf(bindings({ CONTAINER_SECRET: undefined }))).toEqual([
      'CONTAINER_SECRET is required with CONTAINER_URL',
    ]);
  });

  test('takes up to four keys of webhooks, each long enough, and never shows one', () => {
    const key = (length: number): string => 'k'.repeat(length);
    expect(configOf(bindings()).webhookKeys).toEqual([]);
    const two = configOf(bindings({ WEBHOOK_KEYS: `${key(32)}, ${key(44)}` })).webhookKeys;
    expect(two.map(String)).toEqual(['[redacted]', '[redacted]']);
    for (const keys of [key(31), Array.from({ length: 5 }, () => key(32)).join(',')]) {
      expect(refused(bindings({ WEBHOOK_KEYS: keys }))).toEqual(['WEBHOOK_KEYS']);
      expect(rulesOf(bindings({ WEBHOOK_KEYS: keys })).join()).not.toContain(keys);
    }
  });

  test('is frozen', () => {
    const config = configOf(bindings());
    expect(Object.isFrozen(config)).toBe(true);
    expect(() => Object.assign(config, { tokenTtlSeconds: 1 })).toThrow(TypeError);
  });

  test('passes over bindings that it does not know', () => {
    expect(refused(bindings({ TOWN: {}, DIRECTORY: {}, SOMETHING: 'else' }))).toEqual([]);
  });

  test('names every broken variable at once', () => {
    const broken = bindings({ PUBLIC_URL: 'nowhere', HEARTBEAT_SECONDS: '0', AGENTS_PER_CONTAINER: 'many' });
    expect(refused(broken)).toEqual(['PUBLIC_URL', 'HEARTBEAT_SECONDS', 'AGENTS_PER_CONTAINER']);
  });

  test('keeps its secrets behind a wrapper that does not print', async () => {
    const config = configOf(loopbackBindings({ REEVE_DEV_TOKEN: DEV_TOKEN }));
    const { signingKeys: _, ...rest } = config;
    expect(JSON.stringify(rest)).not.toContain(CONTAINER_SECRET);
    expect(JSON.stringify(rest)).not.toContain(DEV_TOKEN);
    expect(await config.containerSecret?.matches(CONTAINER_SECRET)).toBe(true);
    expect(await config.devToken?.matches(DEV_TOKEN)).toBe(true);
  });
});

/** A value that no rule accepts and no rule would contain. */
const MARK = 'zx81-marker';

describe('an error names the variable and the rule, never the value', () => {
  for (const variable of [
    'PUBLIC_URL',
    'SIGNING_KEYS',
    'TRUST_DOMAIN',
    'TOKEN_TTL_SECONDS',
    'REFRESH_INTERVAL_SECONDS',
    'HEARTBEAT_SECONDS',
    'PUSH_TIMEOUT_MS',
    'CONTAINER_URL',
    'CONTAINER_SECRET',
    'AGENTS_PER_CONTAINER',
    'SLEEP_AFTER_SECONDS',
    'REEVE_DEV_TOKEN',
  ]) {
    test(variable, () => {
      const given = variable.endsWith('SECRET') || variable.endsWith('TOKEN') ? MARK : `${MARK} %`;
      const errors = parseConfig(bindings({ [variable]: given }));
      expect(errors.ok).toBe(false);
      expect(JSON.stringify(errors)).toContain(variable);
      expect(JSON.stringify(errors)).not.toContain(MARK);
    });
  }

  test('also where a key set is nearly right', () => {
    const [key] = privateKeySetSchema.parse(JSON.parse(String(bindings()['SIGNING_KEYS']))).keys;
    const nearly = [{ keys: [{ ...key, reeve_state: MARK }] }, { keys: [{ ...key, d: MARK }] }, { keys: MARK }, MARK];
    for (const set of nearly) {
      const errors = parseConfig(bindings({ SIGNING_KEYS: JSON.stringify(set) }));
      expect(errors).toMatchObject({ ok: false, error: [{ variable: 'SIGNING_KEYS' }] });
      expect(JSON.stringify(errors)).not.toContain(MARK);
      expect(JSON.stringify(errors)).not.toContain(key?.d);
    }
  });
});

describe('numbers', () => {
  /** variable, least, most: within the rules that join two variables. */
  const ranges: [string, number, number][] = [
    ['HEARTBEAT_SECONDS', 1, 3600],
    ['PUSH_TIMEOUT_MS', 100, 60_000],
    ['AGENTS_PER_CONTAINER', 1, 100],
    ['SLEEP_AFTER_SECONDS', 1, 86_400],
  ];
  for (const [variable, least, most] of ranges) {
    test(`${variable} is ${least} to ${most}, and not one beyond`, () => {
      for (const good of [least, most])
        expect(refused(bindings({ [variable]: String(good) })), String(good)).toEqual([]);
      for (const bad of [least - 1, most + 1]) {
        expect(refused(bindings({ [variable]: String(bad) })), String(bad)).toEqual([variable]);
      }
    });
  }

  test('are whole and in digits: nothing else counts as a number', () => {
    for (const bad of ['', ' 30', '30 ', '3e1', '0x1e', '30.0', '+30', '-30', '1_000', 'NaN', '9'.repeat(10), '٣٠']) {
      expect(refused(bindings({ HEARTBEAT_SECONDS: bad })), bad).toEqual(['HEARTBEAT_SECONDS']);
    }
  });

  test('say their unit and an example where they are none: 3h is 10800 seconds', () => {
    for (const [variable, example] of [
      ['TOKEN_TTL_SECONDS', 'whole seconds, 900 to 28800 (on loopback from 10), e.g. 10800'],
      ['REFRESH_INTERVAL_SECONDS', 'whole seconds, 300 or more (on loopback 1 or more), e.g. 3600'],
      ['PUSH_TIMEOUT_MS', 'whole milliseconds, 100 to 60000, e.g. 5000'],
      ['SLEEP_AFTER_SECONDS', 'whole seconds, 1 to 86400, e.g. 600'],
    ] as const) {
      expect(rulesOf(bindings({ [variable]: '3h' }))).toEqual([`${variable} must be ${example}`]);
    }
  });

  test('may be numbers: that is how they arrive from [vars] in wrangler.toml', () => {
    expect(configOf(bindings({ HEARTBEAT_SECONDS: 45 })).heartbeatSeconds).toBe(45);
    for (const bad of [0, 3601, 1.5, -1, Number.NaN, 1e21, true, null, [30], { a: 1 }]) {
      expect(rulesOf(bindings({ HEARTBEAT_SECONDS: bad })), JSON.stringify(bad)).toEqual([
        'HEARTBEAT_SECONDS must be whole seconds, 1 to 3600, e.g. 30',
      ]);
    }
  });

  test('TOKEN_TTL_SECONDS is 900 to 28800, and on loopback from 10', () => {
    const ttl = (seconds: number) => ({ TOKEN_TTL_SECONDS: String(seconds), REFRESH_INTERVAL_SECONDS: '300' });
    expect(refused(bindings(ttl(900)))).toEqual([]);
    expect(refused(bindings(ttl(28_800)))).toEqual([]);
    expect(refused(bindings(ttl(899)))).toContain('TOKEN_TTL_SECONDS');
    expect(refused(bindings(ttl(28_801)))).toEqual(['TOKEN_TTL_SECONDS']);
    const short = (seconds: number) => ({ TOKEN_TTL_SECONDS: String(seconds), REFRESH_INTERVAL_SECONDS: '1' });
    expect(refused(loopbackBindings(short(10)))).toEqual([]);
    expect(refused(loopbackBindings(short(9)))).toEqual(['TOKEN_TTL_SECONDS']);
  });

  test('REFRESH_INTERVAL_SECONDS is at least 300, and on loopback 1', () => {
    const interval = (seconds: number) => ({ REFRESH_INTERVAL_SECONDS: String(seconds) });
    expect(refused(bindings(interval(300)))).toEqual([]);
    expect(refused(bindings(interval(299)))).toEqual(['REFRESH_INTERVAL_SECONDS']);
    expect(refused(loopbackBindings(interval(1)))).toEqual([]);
    expect(refused(loopbackBindings(interval(0)))).toEqual(['REFRESH_INTERVAL_SECONDS']);
  });
});

describe('A-08: a lifetime too short for the interval', () => {
  test('A-08: is refused one second below twice the interval and its tenth of an hour, and accepted at it', () => {
    const least: [number, number][] = [
      [300, 900],
      [600, 1800],
      [601, 1802],
      [3600, 7800],
      [14_100, 28_800],
    ];
    for (const [interval, ttl] of least) {
      const given = (seconds: number) =>
        bindings({ REFRESH_INTERVAL_SECONDS: String(interval), TOKEN_TTL_SECONDS: String(seconds) });
      expect(refused(given(ttl)), `${interval} ${ttl}`).toEqual([]);
      expect(refused(given(ttl - 1)), `${interval} ${ttl - 1}`).toContain('TOKEN_TTL_SECONDS');
    }
  });

  test('A-08: is refused on loopback by the same rule', () => {
    const given = (interval: number, ttl: number) =>
      loopbackBindings({ REFRESH_INTERVAL_SECONDS: String(interval), TOKEN_TTL_SECONDS: String(ttl) });
    expect(refused(given(4, 12))).toEqual([]);
    expect(refused(given(4, 11))).toEqual(['TOKEN_TTL_SECONDS']);
  });

  test('A-08: is refused where only one of the two was set', () => {
    expect(refused(bindings({ TOKEN_TTL_SECONDS: '7799' }))).toEqual(['TOKEN_TTL_SECONDS']);
    expect(refused(bindings({ REFRESH_INTERVAL_SECONDS: '5101' }))).toEqual(['TOKEN_TTL_SECONDS']);
    expect(refused(bindings({ REFRESH_INTERVAL_SECONDS: '5100' }))).toEqual([]);
  });
});

describe('addresses', () => {
  test('PUBLIC_URL is an origin, and a slash behind it is the same origin', () => {
    expect(configOf(bindings({ PUBLIC_URL: 'https://reeve.example.com/' })).publicUrl).toBe(
      'https://reeve.example.com',
    );
    const bad = [
      '',
      'reeve.example.com',
      'https://reeve.example.com/path',
      'https://reeve.example.com/?q',
      'https://reeve.example.com/#f',
      'https://user:pass@reeve.example.com',
      'ftp://reeve.example.com',
      'javascript:alert(1)',
      'https://REEVE.example.com',
      'https://reeve.example.com:443',
      'https://reeve.example.com//',
    ];
    for (const url of bad) expect(refused(bindings({ PUBLIC_URL: url })), url).toEqual(['PUBLIC_URL']);
  });

  test('http is for loopback only', () => {
    for (const host of ['127.0.0.1', 'localhost', '[::1]']) {
      expect(refused(loopbackBindings({ PUBLIC_URL: `http://${host}:8787` })), host).toEqual([]);
      expect(refused(bindings({ CONTAINER_URL: `http://${host}:8790` })), host).toEqual([]);
    }
    for (const host of ['reeve.example.com', '10.0.0.1', '127.0.0.1.example.com', 'localhost.example.com', '0.0.0.0']) {
      expect(refused(bindings({ PUBLIC_URL: `http://${host}` })), host).toEqual(['PUBLIC_URL']);
      expect(refused(bindings({ CONTAINER_URL: `http://${host}` })), host).toEqual(['CONTAINER_URL']);
    }
  });

  test('CONTAINER_URL names one to sixteen control servers, and one that is wrong refuses all', () => {
    const urls = (count: number) => Array.from({ length: count }, (_, at) => `https://container${at}.example.com`);
    expect(configOf(bindings({ CONTAINER_URL: urls(16).join(' , ') })).containerUrls).toEqual(urls(16));
    expect(refused(bindings({ CONTAINER_URL: urls(17).join(',') }))).toEqual(['CONTAINER_URL']);
    expect(refused(bindings({ CONTAINER_URL: 'https://a.example.com,http://b.example.com' }))).toEqual([
      'CONTAINER_URL',
    ]);
    expect(refused(bindings({ CONTAINER_URL: 'https://a.example.com,' }))).toEqual(['CONTAINER_URL']);
    for (const same of ['https://a.example.com', 'https://a.example.com/', 'https://A.example.com:443']) {
      expect(refused(bindings({ CONTAINER_URL: `https://a.example.com,${same}` })), same).toEqual(['CONTAINER_URL']);
    }
  });
});

describe('secrets', () => {
  test('have at least sixteen characters', () => {
    for (const variable of ['CONTAINER_SECRET', 'REEVE_DEV_TOKEN']) {
      expect(refused(loopbackBindings({ [variable]: 'x'.repeat(16) })), variable).toEqual([]);
      expect(refused(loopbackBindings({ [variable]: 'x'.repeat(15) })), variable).toEqual([variable]);
    }
  });

  test('REEVE_DEV_TOKEN is refused where PUBLIC_URL is not loopback', () => {
    expect(refused(bindings({ REEVE_DEV_TOKEN: DEV_TOKEN }))).toEqual(['REEVE_DEV_TOKEN']);
    expect(refused(loopbackBindings({ REEVE_DEV_TOKEN: DEV_TOKEN }))).toEqual([]);
  });

  test('SIGNING_KEYS is JSON', () => {
    expect(rulesOf(bindings({ SIGNING_KEYS: '{' }))).toEqual(['SIGNING_KEYS must be a JWK Set in JSON']);
    expect(refused(bindings({ SIGNING_KEYS: '{"keys":[]}' }))).toContain('SIGNING_KEYS');
  });
});

describe('the trust domain', () => {
  test('is the host of PUBLIC_URL, also where that is an address', () => {
    expect(configOf(loopbackBindings()).trustDomain).toBe('127.0.0.1');
    expect(configOf(loopbackBindings({ PUBLIC_URL: 'http://[::1]:8787' })).trustDomain).toBe('--1');
    expect(configOf(bindings({ PUBLIC_URL: 'https://a.b.example.com:8443' })).trustDomain).toBe('a.b.example.com');
  });

  test('may be set to another one, in the characters that SPIFFE allows', () => {
    expect(configOf(bindings({ TRUST_DOMAIN: 'agents.example_1-2.com' })).trustDomain).toBe('agents.example_1-2.com');
    for (const bad of ['', 'Agents.example.com', 'a/b', 'a b', 'a:b', 'é', 'x'.repeat(256)]) {
      expect(refused(bindings({ TRUST_DOMAIN: bad })), bad).toEqual(['TRUST_DOMAIN']);
    }
  });
});

describe('how people sign in', () => {
  test('comes from the variables of an OpenID provider and of Access, and origins from a list', () => {
    expect(configOf(bindings()).signIn).toEqual({ oidc: null, access: null, allowedOrigins: new Set() });
    const { signIn } = configOf(
      bindings({
        OIDC_ISSUER: 'https://login.example.com/realms/town/',
        OIDC_AUDIENCE: 'reeve',
        OIDC_CLIENT_ID: 'console',
        ACCESS_TEAM_DOMAIN: 'team.cloudflareaccess.com',
        ACCESS_AUD: 'tag',
        ALLOWED_ORIGINS: 'https://chat.example.com, http://localhost:3000',
      }),
    );
    expect(signIn).toEqual({
      oidc: { issuer: 'https://login.example.com/realms/town/', audience: 'reeve', clientId: 'console' },
      access: { team: 'team.cloudflareaccess.com', audience: 'tag' },
      allowedOrigins: new Set(['https://chat.example.com', 'http://localhost:3000']),
    });
  });

  test.each([
    ['OIDC_ISSUER', { OIDC_ISSUER: 'http://login.example.com', OIDC_AUDIENCE: 'reeve' }],
    ['OIDC_ISSUER', { OIDC_ISSUER: 'https://login.example.com/?a=b', OIDC_AUDIENCE: 'reeve' }],
    ['OIDC_ISSUER', { OIDC_ISSUER: 'https://reeve.example.com', OIDC_AUDIENCE: 'reeve' }],
    ['OIDC_AUDIENCE', { OIDC_ISSUER: 'https://login.example.com' }],
    ['OIDC_AUDIENCE', { OIDC_AUDIENCE: 'reeve' }],
    ['OIDC_CLIENT_ID', { OIDC_CLIENT_ID: 'console' }],
    ['OIDC_CLIENT_ID', { OIDC_ISSUER: 'https://id.example.com', OIDC_AUDIENCE: 'reeve', OIDC_CLIENT_ID: 'a\nb' }],
    ['ACCESS_TEAM_DOMAIN', { ACCESS_TEAM_DOMAIN: 'evil.example.com', ACCESS_AUD: 'tag' }],
    ['ACCESS_AUD', { ACCESS_TEAM_DOMAIN: 'team.cloudflareaccess.com' }],
    ['ALLOWED_ORIGINS', { ALLOWED_ORIGINS: '*' }],
    ['ALLOWED_ORIGINS', { ALLOWED_ORIGINS: 'https://chat.example.com/path' }],
    ['ALLOWED_ORIGINS', { ALLOWED_ORIGINS: 'http://chat.example.com' }],
  ])('%s is refused for %j', (variable, changes) => {
    expect(refused(bindings(changes))).toEqual([variable]);
  });
});
