import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { EVENT_DATA, PROBLEMS, type ProblemCode } from '#protocol';
import { publicKeys } from '../../../src/tokens/key-set.ts';
import { createApp } from '../../../src/http/app.ts';
import { makeScene } from '../../support/fake-edge.ts';
import { NOW_MS } from '../../support/issuer.ts';

const scene = await makeScene();
const get = (path: string) => scene.send('GET', path, { bearer: null });

describe('what is read without credentials', () => {
  test('health needs no credentials, touches no town, and tells the time', async () => {
    const response = await get('/healthz');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: 'ok', time: new Date(NOW_MS).toISOString() });
    expect(scene.calls).toEqual([]);
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
  schema: z.record(z.string(), z.unknown()).optional(),
});
const content = z.record(z.string(), z.object({ schema: z.record(z.string(), z.unknown()) }));
const operation = z.object({
  summary: z.string().min(1),
  operationId: z.string(),
  tags: z.array(z.string()).min(1),
  security: z.array(z.record(z.string(), z.array(z.string()))),
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
  components: z.object({
    schemas: z.record(z.string().regex(/^[\w.-]+$/), z.record(z.string(), z.unknown())),
    securitySchemes: z.record(z.string(), z.unknown()),
  }),
});

const isProblemCode = (code: string): code is ProblemCode => Object.keys(PROBLEMS).includes(code);
const problemCode = z.string().refine(isProblemCode);
/** The schema of a problem: the document, with the codes that it may have here. */
const problemResponse = z.object({
  allOf: z.tuple([
    z.object({ $ref: z.literal('#/components/schemas/Problem') }),
    z.object({ properties: z.object({ code: z.object({ enum: z.array(problemCode).min(1) }) }) }),
  ]),
});
const eventUnion = z.object({
  oneOf: z.array(
    z.object({
      properties: z.object({
        type: z.object({ const: z.string().optional(), enum: z.array(z.string()).optional() }),
      }),
    }),
  ),
});

/** Every `$ref` in a value. */
function refsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => (name === '$ref' ? [String(inner)] : refsIn(inner)));
}

/** The shapes of OpenAI's own API. */
const OF_OPENAI = /^(?:Model|ModelList|OpenAi\w+|Chat\w+|Response\w*)$/;

/** Who calls a route, by its address. */
function callersOf(method: string, path: string): string[] {
  if (path.startsWith('/v1/agent/')) return ['agent'];
  if (path === '/v1/sign-in') return [];
  if (path === '/v1/container/hello') return ['container'];
  if (path.startsWith('/v1/container/')) return ['session'];
  if (path.endsWith('/stream')) return ['ticket'];
  // The agent's own token is in the body of an exchange.
  if (path.startsWith('/v1/oauth/'))
    return { token: [], introspect: ['agent', 'person'], revoke: ['agent'] }[path.slice(10)] ?? [method];
  return ['person'];
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

  test('names each operation once, as a function would be called', () => {
    const ids = operations.map(({ described }) => described?.operationId ?? '');
    expect(new Set(ids).size).toBe(operations.length);
    for (const id of ids) expect(id).toMatch(/^[a-z]+(?:[A-Z][a-z]+)*$/);
    expect(document.paths['/v1/towns/{town}/agents']?.post?.operationId).toBe('createAgent');
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

  test('names for each route its good answers, and each problem by its status and codes', () => {
    for (const { path, method, described } of operations) {
      const route = `${method} ${path}`;
      const statuses = Object.keys(described?.responses ?? {});
      expect(
        statuses.some((status) => /^2|^101$/.test(status)),
        route,
      ).toBe(true);
      if (path.startsWith('/openai/')) {
        const bad = described?.responses['default']?.content?.['application/json']?.schema;
        expect(bad, route).toEqual({ $ref: '#/components/schemas/OpenAiError' });
        continue;
      }
      expect(statuses, route).toEqual(expect.arrayContaining(['500', '503']));
      for (const [status, response] of Object.entries(described?.responses ?? {})) {
        // What OAuth refuses has a form of its own (RFC 6749, section 5.2).
        if (Number(status) < (path.startsWith('/v1/oauth/') ? 500 : 400)) continue;
        const { allOf } = problemResponse.parse(response.content?.['application/problem+json']?.schema);
        const codes = allOf[1].properties.code.enum;
        for (const code of codes) expect(PROBLEMS[code].status, `${route} ${code}`).toBe(Number(status));
      }
    }
  });

  test('says who may call each route, by a scheme that it declares', () => {
    const schemes = Object.keys(document.components.securitySchemes);
    for (const { path, method, described } of operations) {
      const callers = described?.security.flatMap(Object.keys) ?? [];
      expect(schemes).toEqual(expect.arrayContaining(callers));
      expect(callers, `${method} ${path}`).toEqual(callersOf(method, path));
    }
  });

  test('gives each named schema a description and an example', () => {
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      // These are described where they come from.
      if (OF_OPENAI.test(name)) continue;
      expect(schema['description'], name).toEqual(expect.stringMatching(/\.$/));
      expect(schema['examples'], name).toEqual([expect.anything()]);
    }
  });

  test('describes each event by its type', () => {
    const { oneOf } = eventUnion.parse(document.components.schemas['Event']);
    const types = oneOf.map(({ properties }) => properties.type.const ?? properties.type.enum?.[0] ?? '');
    expect(types.toSorted()).toEqual(Object.keys(EVENT_DATA).toSorted());
  });

  test('has the `next` of a page go into `cursor` on every list, as text', () => {
    for (const { path, method, described } of operations) {
      const schema = described?.responses['200']?.content?.['application/json']?.schema['$ref'];
      if (typeof schema !== 'string' || !/Page$|Peers$/.test(schema)) continue;
      const cursor = described?.parameters?.find(({ name }) => name === 'cursor');
      expect(cursor?.schema, `${method} ${path}`).toMatchObject({ type: 'string' });
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
