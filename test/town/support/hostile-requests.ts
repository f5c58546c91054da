/** Hostile requests around a good one: the recorded ones, and those that a seed draws from what the route says of itself. */
import { SELF } from 'cloudflare:test';
import * as fc from 'fast-check';
import { z } from 'zod';
import { hostileBodies, hostileForms, type HostileBody } from '../../support/hostile-bodies.ts';
import {
  HOSTILE_HEADERS,
  HOSTILE_PARAMETERS,
  HOSTILE_QUERIES,
  HOSTILE_SEGMENTS,
  hostileAuthorizations,
} from '../../support/hostile-heads.ts';
import { oddBodies, type JsonSchema } from '../../support/odd-values.ts';
import type { GoodRequest } from './hostile-world.ts';
import { PUBLIC_URL } from './wiring.ts';

/** What a route says of itself in `/openapi.json`: the names of its parameters in addresses, and the schema of its body. */
export interface Said {
  readonly parameters: readonly string[];
  readonly body: JsonSchema | null;
}

/** A request, and what is wrong with it. */
export interface HostileRequest {
  readonly name: string;
  /** Made when it is sent: most cases are only listed. */
  readonly request: () => Request;
}

type Change = Partial<Omit<GoodRequest, 'body' | 'query'>> & {
  readonly body?: HostileBody;
  readonly query?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly authorization?: string;
};

/** Every recorded case for a route. */
export function recorded(good: GoodRequest, said: Said): HostileRequest[] {
  const names = [...good.template.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const around = good.form === 'form' ? hostileForms(stringsOf(good.body)) : hostileBodies(good.body ?? {});
  const bodies = good.body === null ? [] : around;
  const cases: [string, Change][] = [
    ...bodies.map((body): [string, Change] => [`body: ${body.name}`, { body }]),
    ...names.flatMap((name) =>
      HOSTILE_SEGMENTS.map((segment): [string, Change] => [
        `{${name}}: ${segment.slice(0, 40)}`,
        { template: good.template.replace(`{${name}}`, segment) },
      ]),
    ),
    ...said.parameters.flatMap((name) =>
      HOSTILE_PARAMETERS.flatMap((value): [string, Change][] => [
        [`?${name}=${value.slice(0, 40)}`, { query: `${name}=${value}` }],
        [`?${name}=${value.slice(0, 40)}, twice`, { query: `${name}=${value}&${name}=1` }],
      ]),
    ),
    ...HOSTILE_QUERIES.map((query): [string, Change] => [`?${query.slice(0, 40)}`, { query }]),
    ...HOSTILE_HEADERS.map(([name, value]): [string, Change] => [
      `${name}: ${value.slice(0, 40)}`,
      { headers: [[name, value]] },
    ]),
    ...hostileAuthorizations(good.token ?? 'none').map((authorization, nth): [string, Change] => [
      `authorization, form ${nth}`,
      { authorization },
    ]),
  ];
  return cases.map(([name, change]) => ({ name, request: () => requestOf(good, change) }));
}

/** Bodies that a seed draws. The name of each is its text, so that it can be recorded. */
export function drawn(good: GoodRequest, said: Said, seed: number, count: number): HostileRequest[] {
  if (said.body === null || good.form === 'form') return [];
  return fc.sample(oddBodies(said.body, good.body ?? {}), { seed, numRuns: count }).map((value) => {
    const body = JSON.stringify(value);
    return { name: `drawn: ${body.slice(0, 300)}`, request: () => requestOf(good, { body: { name: '', body } }) };
  });
}

/** The good request with these changes. */
export function requestOf(good: GoodRequest, change: Change = {}): Request {
  const template = change.template ?? good.template;
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(good.fill[name] ?? ''));
  const query = [new URLSearchParams(good.query).toString(), change.query ?? ''].filter((text) => text !== '');
  const headers = new Headers(good.token === null ? {} : { authorization: `Bearer ${good.token}` });
  const text = good.form === 'form' ? new URLSearchParams(stringsOf(good.body)).toString() : JSON.stringify(good.body);
  const body = good.body === null ? null : (change.body?.body ?? text);
  const type = change.body?.type ?? (good.form === 'form' ? 'application/x-www-form-urlencoded' : 'application/json');
  if (body !== null) headers.set('content-type', type);
  if (good.template.endsWith('/stream')) headers.set('upgrade', 'websocket');
  for (const [name, value] of change.headers ?? []) headers.set(name, value);
  if (change.authorization !== undefined) headers.set('authorization', change.authorization);
  const address = `${PUBLIC_URL}${path}${query.length === 0 ? '' : `?${query.join('&')}`}`;
  return new Request(address, { method: good.method, headers, ...(body === null ? {} : { body }) });
}

const stringsOf = (form: object | null): Record<string, string> =>
  Object.fromEntries(Object.entries(form ?? {}).map(([name, value]) => [name, String(value)]));

const documentSchema = z.object({
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
  components: z.object({ schemas: z.record(z.string(), z.unknown()) }),
});
const routeSchema = z.object({
  parameters: z.array(z.object({ name: z.string(), in: z.string() })).default([]),
  requestBody: z.object({ content: z.record(z.string(), z.object({ schema: z.unknown() })) }).optional(),
});

/** What each route of the running app says of itself. */
export async function whatRoutesSay(): Promise<Map<string, Said>> {
  const response = await SELF.fetch(`${PUBLIC_URL}/openapi.json`);
  const { paths, components } = documentSchema.parse(await response.json());
  const resolved = (schema: unknown): unknown => {
    if (Array.isArray(schema)) return schema.map(resolved);
    if (typeof schema !== 'object' || schema === null) return schema;
    const name = '$ref' in schema ? String(schema.$ref).split('/').at(-1) : undefined;
    if (name !== undefined) return resolved(components.schemas[name]);
    return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, resolved(value)]));
  };
  return new Map(
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, route]): [string, Said] => {
        const { parameters, requestBody } = routeSchema.parse(route);
        const schema = Object.values(requestBody?.content ?? {})[0]?.schema;
        // What the document describes is a JSON schema, which its own tests hold.
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion
        const body = schema === undefined ? null : (resolved(schema) as JsonSchema);
        const names = parameters.filter(({ in: where }) => where === 'query').map(({ name }) => name);
        return [`${method.toUpperCase()} ${path}`, { parameters: names, body }];
      }),
    ),
  );
}
