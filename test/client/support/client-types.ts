/** The types of the client, made of the API's own description. */
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { generateApi } from 'swagger-typescript-api';
import { z } from 'zod';
import { makeScene } from '../../support/fake-edge.ts';

/** Where they stand. */
export const TYPES_FILE = join(import.meta.dirname, '../../../client/api-types.ts');

const HEAD = `/**
 * What people send to a Reeve and are answered. Written by \`npm run client:types\` from \`/openapi.json\`, never by hand.
 */
`;
/** Their clients bring types of their own. */
const OTHER_CONTRACTS = ['AG-UI', 'OpenAI', 'OAuth'];
/** For people who have no credential yet. */
const SIGN_IN = 'Sign-in';

const operationSchema = z.looseObject({
  operationId: z.string(),
  tags: z.array(z.string()),
  security: z.array(z.record(z.string(), z.unknown())),
});
const documentSchema = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), operationSchema)),
  components: z.looseObject({ schemas: z.record(z.string(), z.unknown()) }),
});
type Description = z.infer<typeof documentSchema>;
type Operation = z.infer<typeof operationSchema>;

/** `/openapi.json` as a client reads it. */
export async function describedApi(): Promise<Description> {
  const scene = await makeScene();
  const response = await scene.send('GET', '/openapi.json', { bearer: null });
  return documentSchema.parse(await response.json());
}

/** What people call, but for the doors that speak the contract of others. */
export function operationsForPeople({ paths }: Description): Operation[] {
  return Object.values(paths)
    .flatMap((methods) => Object.values(methods))
    .filter(({ security, tags }) => tags.includes(SIGN_IN) || security.some((credential) => 'person' in credential))
    .filter(({ tags }) => !tags.some((tag) => OTHER_CONTRACTS.includes(tag)));
}

/** The whole text of the file: a type for each schema that people meet, and no other. */
export async function clientTypes(document: Description): Promise<string> {
  const { schemas } = document.components;
  const met = new Set(['Problem']);
  const meet = (part: unknown): void => {
    for (const [, name = ''] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (met.has(name)) continue;
      met.add(name);
      meet(schemas[name]);
    }
  };
  meet(operationsForPeople(document));
  // In one order, whichever route names one first.
  const kept = Object.fromEntries(
    Array.from(met)
      .toSorted()
      .map((name) => [name, schemas[name]]),
  );
  const spec = { ...document, paths: {}, components: { schemas: nullsApart(kept) } };
  // The generator's own type of a document knows the releases of the standard before 3.1, which it reads all the same.
  const input = { spec } as unknown as Parameters<typeof generateApi>[0];
  const { files } = await generateApi({ ...input, generateClient: false, output: false, silent: true });
  const options = { ...(await resolveConfig(TYPES_FILE)), filepath: TYPES_FILE };
  return format(`${HEAD}\n${files.map(({ fileContent }) => fileContent).join('\n')}`, options);
}

/** The generator leaves out the null of an object and of an enum that may be null, unless it stands apart. */
function nullsApart(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(nullsApart);
  if (typeof part !== 'object' || part === null) return part;
  const {
    type,
    enum: values,
    ...others
  } = Object.fromEntries(Object.entries(part).map(([key, value]) => [key, nullsApart(value)]));
  const own = { ...others, ...(type === undefined ? {} : { type }), ...(values === undefined ? {} : { enum: values }) };
  if (!Array.isArray(type) || !type.includes('null')) return own;
  const ofOneType: unknown = type.find((one) => one !== 'null');
  const some = Array.isArray(values) ? { enum: values.filter((value) => value !== null) } : {};
  return { anyOf: [{ ...others, type: ofOneType, ...some }, { type: 'null' }] };
}
