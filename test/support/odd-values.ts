/** Values that a seed draws from a JSON schema: near what is asked for, so that they come far into the program before they are wrong. */
import * as fc from 'fast-check';

/** What this file reads of a JSON schema, as `/openapi.json` has them, with its references resolved. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
}

/** Texts on which programs stumble, among drawn ones of every kind of character, halves of surrogate pairs too. */
const oddText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom('', '__proto__', 'constructor', '\u0000', '\ud800', '\ufeff', ' ', '../..', '🦊'),
  fc.integer({ min: 1, max: 5000 }).map((units) => 'x'.repeat(units)),
);
const oddNumber = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(-0, -1, 0.5, 2 ** 31, 2 ** 53, -(2 ** 53), 1e308, 5e-324),
);
const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  oddText,
  oddNumber,
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(null, true, false, [], {}),
);

/** Objects around a good one: of the members that the schema knows some are there, each good, near it, or anything. */
export function oddBodies(schema: JsonSchema, good: object): fc.Arbitrary<unknown> {
  const known: [string, fc.Arbitrary<unknown>][] = Object.entries(membersOf(schema)).map(([name, member]) => {
    const own: unknown = Reflect.get(good, name);
    const kept = own === undefined ? [] : [{ weight: 4, arbitrary: fc.constant(own) }];
    return [name, fc.oneof(...kept, { weight: 2, arbitrary: near(member) }, { weight: 1, arbitrary: oddValue })];
  });
  const more = fc.dictionary(oddText, oddValue, { maxKeys: 2, noNullPrototype: true });
  const body = fc.record(Object.fromEntries(known), { requiredKeys: Object.keys(good).filter(isKnown(schema)) });
  return fc.oneof(
    { weight: 8, arbitrary: body },
    { weight: 2, arbitrary: fc.tuple(body, more).map(([own, added]) => ({ ...own, ...added })) },
    { weight: 1, arbitrary: oddValue },
  );
}

const isKnown =
  (schema: JsonSchema) =>
  (name: string): boolean =>
    Object.hasOwn(membersOf(schema), name);

/** The members of an object, and of each shape that it may have. */
function membersOf(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  const shapes = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  return Object.assign({}, ...shapes.map(membersOf), schema.properties) as Record<string, JsonSchema>;
}

/** A value that fits, or nearly: at a limit, one over it, or of the right type alone. */
function near(schema: JsonSchema): fc.Arbitrary<unknown> {
  const shapes = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  if (shapes.length > 0) return fc.oneof(...shapes.map(near));
  if (schema.enum !== undefined && schema.enum.length > 0) return fc.oneof(fc.constantFrom(...schema.enum), oddText);
  const type = typeof schema.type === 'string' ? schema.type : schema.type?.find((one) => one !== 'null');
  switch (type) {
    case 'string':
      return fc.oneof(oddText, nearText(schema));
    case 'integer':
    case 'number':
      return fc.oneof(oddNumber, nearNumber(schema));
    case 'boolean':
      return fc.boolean();
    case 'array': {
      const items = fc.array(near(schema.items ?? {}), { maxLength: 4 });
      const long = items.map((some) => Array.from({ length: (schema.maxItems ?? 99) + 1 }, () => some[0] ?? null));
      return fc.oneof({ weight: 5, arbitrary: items }, { weight: 1, arbitrary: long });
    }
    case 'object': {
      const members = Object.entries(membersOf(schema)).map(([name, member]) => [name, near(member)] as const);
      return fc.record(Object.fromEntries(members), { requiredKeys: [] });
    }
    case undefined:
    default:
      return oddValue;
  }
}

function nearText({ maxLength = 64 }: JsonSchema): fc.Arbitrary<string> {
  return fc.constantFrom(maxLength, maxLength + 1).map((units) => 'a'.repeat(Math.min(units, 10_000)));
}

function nearNumber({ minimum = 0, maximum = Number.MAX_SAFE_INTEGER }: JsonSchema): fc.Arbitrary<number> {
  return fc.constantFrom(minimum - 1, minimum, maximum, maximum + 1);
}
