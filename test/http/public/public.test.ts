import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { publicKeys } from '../../../src/tokens/key-set.ts';
import { createApp } from '../../../src/http/app.ts';
import { makeScene } from '../../support/fake-edge.ts';

const scene = await makeScene();
const get = (path: string) => scene.send('GET', path, { bearer: null });

describe('what is read without credentials', () => {
  test('health needs no credentials and touches no town', async () => {
    const response = await get('/healthz');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: 'ok' });
  });

  test('the root says where to go on', async () => {
    expect(await (await get('/')).json()).toMatchObject({ openapi: 'http://127.0.0.1:8787/openapi.json' });
  });

  test('A-24: the published keys hold no private part, and may be kept for five minutes', async () => {
    const response = await get('/.well-known/jwks.json');
    expect(response.headers.get('cache-control')).toBe('public, max-age=300');
    expect(response.headers.get('content-type')).toContain('application/json');
    const text = await response.text();
    expect(JSON.parse(text)).toEqual(publicKeys(scene.edge.config.signingKeys));
    for (const { d } of scene.edge.config.signingKeys.keys) expect(text).not.toContain(d);
    expect(text).not.toContain('reeve_state');
  });

  test('discovery says what a third party reads, and where tokens are exchanged, asked about and ended', async () => {
    const response = await get('/.well-known/openid-configuration');
    expect(response.headers.get('cache-control')).toBe('public, max-age=300');
    const { publicUrl } = scene.edge.config;
    expect(await response.json()).toEqual({
      issuer: publicUrl,
      jwks_uri: `${publicUrl}/.well-known/jwks.json`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
      claims_supported: ['iss', 'aud', 'sub', 'iat', 'nbf', 'exp', 'jti'],
      grant_types_supported: ['urn:ietf:params:oauth:grant-type:token-exchange'],
      token_endpoint: `${publicUrl}/v1/oauth/token`,
      token_endpoint_auth_methods_supported: ['none'],
      introspection_endpoint: `${publicUrl}/v1/oauth/introspect`,
      introspection_endpoint_auth_methods_supported: ['Bearer'],
      revocation_endpoint: `${publicUrl}/v1/oauth/revoke`,
      revocation_endpoint_auth_methods_supported: ['Bearer'],
    });
  });

  test('none of it depends on the host that the request names', async () => {
    for (const path of ['/', '/.well-known/openid-configuration', '/openapi.json']) {
      const given = {
        bearer: null,
        headers: { host: 'attacker.example.com', 'x-forwarded-host': 'attacker.example.com' },
      };
      expect(await (await scene.send('GET', path, given)).text(), path).not.toContain('attacker');
    }
  });
});

const parameter = z.object({
  name: z.string(),
  in: z.enum(['path', 'query', 'header', 'cookie']),
  required: z.boolean().optional(),
});
const content = z.record(z.string(), z.object({ schema: z.record(z.string(), z.unknown()) }));
const operation = z.object({
  summary: z.string().min(1),
  operationId: z.string(),
  parameters: z.array(parameter).optional(),
  requestBody: z.object({ required: z.literal(true), content }).optional(),
  responses: z.record(
    z.string().regex(/^([1-5]\d\d|default)$/),
    z.object({ description: z.string().min(1), content: content.optional() }),
  ),
});
/** What a document of OpenAPI 3.1 has to hold (OpenAPI Specification 3.1.0, section 4.8), as far as it is used here. */
const openApi = z.object({
  openapi: z.string().regex(/^3\.1\.\d+$/),
  info: z.object({ title: z.string().min(1), version: z.string().min(1) }),
  servers: z.array(z.object({ url: z.url() })),
  paths: z.record(
    z.string().startsWith('/'),
    z.partialRecord(z.enum(['get', 'post', 'put', 'patch', 'delete']), operation),
  ),
  components: z.object({ schemas: z.record(z.string().regex(/^[\w.-]+$/), z.record(z.string(), z.unknown())) }),
});

/** Every `$ref` in a value. */
function refsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => (name === '$ref' ? [String(inner)] : refsIn(inner)));
}

describe('the description of the API', async () => {
  const raw: unknown = await (await get('/openapi.json')).json();
  const document = openApi.parse(raw);
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => ({ path, method, described })),
  );

  test('is a document of OpenAPI 3.1, and each reference in it leads somewhere', () => {
    expect(document.openapi).toBe('3.1.0');
    const known = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
    for (const ref of refsIn(raw)) expect(known).toContain(ref);
  });

  test('names each operation once, by its method and path', () => {
    const ids = operations.map(({ described }) => described?.operationId ?? '');
    expect(new Set(ids).size).toBe(operations.length);
    for (const id of ids) expect(id).toMatch(/^(get|post|put|patch|delete)[A-Z][A-Za-z0-9]*$/);
    expect(document.paths['/v1/towns/{town}/agents']?.post?.operationId).toBe('postTownsTownAgents');
  });

  test('declares each parameter of a path, and no other', () => {
    for (const { path, method, described } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = (described?.parameters ?? []).filter((one) => one.in === 'path');
      expect(
        declared.map(({ name }) => name),
        `${method} ${path}`,
      ).toEqual(inPath);
      expect(
        declared.every(({ required }) => required === true),
        `${method} ${path}`,
      ).toBe(true);
    }
  });

  test('names for each route its good answers, and the problem document, or the error of its door, for all others', () => {
    for (const { path, method, described } of operations) {
      const statuses = Object.keys(described?.responses ?? {});
      expect(
        statuses.some((status) => /^2|^101$/.test(status)),
        `${method} ${path}`,
      ).toBe(true);
      const bad = described?.responses['default'];
      const [type, schema] = path.startsWith('/openai/')
        ? ['application/json', 'OpenAiError']
        : ['application/problem+json', 'Problem'];
      expect(bad?.content?.[type]?.schema, `${method} ${path}`).toEqual({ $ref: `#/components/schemas/${schema}` });
    }
  });

  test('lists every route that takes credentials, and nothing that is not there', () => {
    const served = createApp(scene.edge)
      .routes.filter(({ method, path }) => method !== 'ALL' && /^(?:\/openai)?\/v1\//.test(path))
      .map(({ method, path }) => `${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
    const described = operations.map(({ path, method }) => `${method} ${path}`);
    expect(described.toSorted()).toEqual([...new Set(served)].toSorted());
    expect(described.length).toBeGreaterThan(15);
  });
});
