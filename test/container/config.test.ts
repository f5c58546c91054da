import { describe, expect, it } from 'vitest';
import { parseConfig, type Environment } from '../../container/config.ts';
import { newKey } from '../../src/tokens/key-edit.ts';
import { keySetOf, publicJwkOf } from './support/push.ts';

const VALID: Environment = { REEVE_API_URL: 'https://town.example' };

describe('parseConfig', () => {
  it('fills in the defaults and freezes the result', () => {
    const parsed = parseConfig({ ...VALID, PATH: '/bin' });
    expect(parsed).toEqual({
      ok: true,
      config: {
        apiUrl: 'https://town.example',
        issuer: 'https://town.example',
        jwks: { keys: [] },
        host: '127.0.0.1',
        port: 8790,
        metricsPort: null,
        collector: null,
        containerSecret: null,
        agentStateDir: '.reeve-agents',
        agentPath: null,
        agentStartMs: 60_000,
        agentPermissionMs: 600_000,
        agentDrainMs: 600_000,
        agentUsers: null,
        agentDiskBytes: 1024 * 1024 * 1024,
      },
    });
    expect(parsed.ok && Object.isFrozen(parsed.config)).toBe(true);
  });

  it('takes a collector by the name that OpenTelemetry has for it, and refuses an address with anything secret in it', () => {
    const collectorOf = (environment: Environment) => {
      const parsed = parseConfig({ ...VALID, ...environment });
      return parsed.ok ? parsed.config.collector : parsed.error;
    };
    expect(collectorOf({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' })).toEqual({
      endpoint: 'http://127.0.0.1:4318/',
      serviceName: 'reeve-container',
    });
    expect(collectorOf({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otlp.example/x', OTEL_SERVICE_NAME: 'mine' })).toEqual({
      endpoint: 'https://otlp.example/x',
      serviceName: 'mine',
    });
    for (const text of [
      '',
      'otlp.example:4318',
      'grpc://otlp.example',
      'https://zx81@otlp.example',
      'https://otlp.example/?zx81',
    ]) {
      expect(collectorOf({ OTEL_EXPORTER_OTLP_ENDPOINT: text }), text).toBe(
        'OTEL_EXPORTER_OTLP_ENDPOINT must be an http or https address without query or credentials',
      );
    }
  });

  it('takes all that is given; a trailing slash does not matter', async () => {
    const jwks = keySetOf(await newKey('active'));
    const parsed = parseConfig({
      REEVE_API_URL: 'http://127.0.0.1:8787/',
      REEVE_ISSUER: 'https://town.example/',
      REEVE_JWKS: JSON.stringify(jwks),
      CONTAINER_HOST: '0.0.0.0',
      CONTAINER_PORT: '0',
      CONTAINER_SECRET: 'sixteen-letters!',
      AGENT_STATE_DIR: '/var/lib/agents',
      AGENT_PATH: '/usr/bin:/bin',
      AGENT_START_TIMEOUT_SECONDS: '5',
      AGENT_PERMISSION_SECONDS: '7',
      AGENT_DRAIN_SECONDS: '0',
      AGENT_USERS: '20000-29999',
      AGENT_DISK_MB: '0',
    });
    const users = { agentUsers: { first: 20_000, last: 29_999 }, agentDiskBytes: 0 };
    const agents = { agentStateDir: '/var/lib/agents', agentPath: '/usr/bin:/bin', ...users };
    expect(parsed).toMatchObject({
      ok: true,
      config: { ...agents, agentStartMs: 5000, agentPermissionMs: 7000, agentDrainMs: 0 },
    });
    expect(parsed).toMatchObject({
      ok: true,
      config: { apiUrl: 'http://127.0.0.1:8787', issuer: 'https://town.example', jwks, host: '0.0.0.0', port: 0 },
    });
    expect(parsed.ok && parsed.config.containerSecret?.reveal()).toBe('sixteen-letters!');
    expect(JSON.stringify(parsed)).not.toContain('sixteen');
  });

  const bad: [string, string | undefined, string][] = [
    ['REEVE_API_URL', undefined, 'REEVE_API_URL is required'],
    ['AGENT_STATE_DIR', '', 'AGENT_STATE_DIR must not be empty'],
    ['AGENT_PATH', 'hush', 'AGENT_PATH must be absolute directories, by colon'],
    ['AGENT_START_TIMEOUT_SECONDS', '601', 'AGENT_START_TIMEOUT_SECONDS must be 1 to 600 seconds'],
    ['AGENT_PERMISSION_SECONDS', '0', 'AGENT_PERMISSION_SECONDS must be 1 to 86400 seconds'],
    ['AGENT_DRAIN_SECONDS', '3601', 'AGENT_DRAIN_SECONDS must be 0 to 3600 seconds'],
    ['AGENT_USERS', 'hush', 'AGENT_USERS must be the number of a first user'],
    ['AGENT_USERS', '999', 'AGENT_USERS must be the number of a first user'],
    ['AGENT_USERS', '30000-29999', 'AGENT_USERS must be the number of a first user'],
    ['AGENT_USERS', '20000-2000000001', 'AGENT_USERS must be the number of a first user'],
    ['AGENT_DISK_MB', '-1', 'AGENT_DISK_MB must be 0 to 1000000 MiB'],
    ['AGENT_DISK_MB', '1000001', 'AGENT_DISK_MB must be 0 to 1000000 MiB'],
    ['REEVE_API_URL', 'hush', 'REEVE_API_URL must be an http or https origin'],
    ['REEVE_API_URL', 'https://hush:hush@town.example', 'REEVE_API_URL must be an http or https origin'],
    ['REEVE_API_URL', 'https://town.example/hush', 'REEVE_API_URL must be an http or https origin'],
    ['REEVE_API_URL', 'ftp://hush.example', 'REEVE_API_URL must be an http or https origin'],
    ['REEVE_ISSUER', 'https://town.example?hush', 'REEVE_ISSUER must be an http or https origin'],
    ['REEVE_JWKS', '{"hush":', 'REEVE_JWKS must be a JSON Web Key Set'],
    ['REEVE_JWKS', '{"keys":[{"kty":"oct","k":"hush"}]}', 'REEVE_JWKS must be a JSON Web Key Set'],
    ['CONTAINER_PORT', '65536', 'CONTAINER_PORT must be a port number'],
    ['CONTAINER_PORT', 'hush', 'CONTAINER_PORT must be a port number'],
    ['CONTAINER_HOST', '', 'CONTAINER_HOST must not be empty'],
    ['CONTAINER_SECRET', 'hush', 'CONTAINER_SECRET must have at least 16 characters'],
  ];
  for (const [variable, value, error] of bad) {
    it(`names ${variable} and the rule, never the value, for ${JSON.stringify(value)}`, () => {
      const parsed = parseConfig({ ...VALID, [variable]: value });
      expect(parsed.ok ? '' : parsed.error).toContain(error);
      expect(JSON.stringify(parsed)).not.toContain('hush');
    });
  }

  it('makes 10,000 users of a first one', () => {
    const parsed = parseConfig({ ...VALID, AGENT_USERS: '20000' });
    expect(parsed).toMatchObject({ ok: true, config: { agentUsers: { first: 20_000, last: 29_999 } } });
  });

  it('names every variable that is wrong, in one line', () => {
    const parsed = parseConfig({ CONTAINER_PORT: 'x' });
    expect(parsed.ok ? '' : parsed.error).toBe(
      'REEVE_API_URL is required; CONTAINER_PORT must be a port number from 0 to 65535',
    );
  });

  it('A-24: refuses a key with its private part: the control server holds no signing key', async () => {
    const publicJwk = publicJwkOf(await newKey('active'));
    const jwks = JSON.stringify({ keys: [{ ...publicJwk, d: 'A'.repeat(43) }] });
    const parsed = parseConfig({ ...VALID, REEVE_JWKS: jwks });
    expect(parsed.ok ? '' : parsed.error).toContain('without any private part');
  });
});
