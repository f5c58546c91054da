/**
 * What a hostile caller sends, recorded: bodies on which parsers are known to stumble. One that broke something
 * becomes a line here, and every route is tried with it.
 */

/** A body, and the content type that it claims. */
export interface HostileBody {
  readonly name: string;
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly type?: string;
}

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(new TextEncoder().encode(text));
const bytes = (...parts: readonly (string | readonly number[])[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(parts.flatMap((part) => (typeof part === 'string' ? [...utf8(part)] : part)));

/** Levels that a parser which calls itself for each does not survive. */
const DEEP = 10_000;
const deepArray = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
const deepObject = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

/** JSON texts that stand where a route expects some value. */
const ODD_VALUES: Readonly<Record<string, string>> = {
  'half of a surrogate pair': '"\\ud800"',
  'a NUL': '"\\u0000"',
  'a byte order mark': '"\\ufeff"',
  'more than a double': '1e999',
  'less than a double': '-1e999',
  'minus zero': '-0',
  'more than a safe integer': '9007199254740993',
  'a number of 10,000 digits': '9'.repeat(10_000),
  'an empty text': '""',
  'a long text': `"${'x'.repeat(40_000)}"`,
  'a list': '[]',
  'an object': '{}',
  nothing: 'null',
  truth: 'true',
  'a prototype': '{"__proto__":{"isAdmin":true},"constructor":{"prototype":{}}}',
  'its own text form': '{"toString":1,"valueOf":null,"toJSON":"x","then":1,"length":-1}',
  'a name that every object has': '"__proto__"',
  'a deep list': deepArray(DEEP),
  'a deep object': deepObject(DEEP / 2),
  'a list of what never fits': `[${'1,'.repeat(10_000)}1]`,
  'a list of objects that never fit': `[${'{},'.repeat(10_000)}{}]`,
  'other names than are known': `{${Array.from({ length: 2000 }, (_, nth) => `"k${nth}":1`).join(',')}}`,
  'a long line of escapes': `"${'\\"'.repeat(10_000)}"`,
};

/** Bodies around a good one: as a whole, and each of its members in turn. */
export function hostileBodies(good: object): HostileBody[] {
  const text = JSON.stringify(good);
  const inner = text.slice(1, -1);
  const also = inner === '' ? '' : `,${inner}`;
  const whole: Record<string, HostileBody['body']> = {
    nothing: '',
    'white space': ' \t\r\n',
    'a byte order mark first': `\ufeff${text}`,
    'cut short': text.slice(0, -1),
    'cut in the middle': text.slice(0, Math.ceil(text.length / 2)),
    'two values': `${text}${text}`,
    'a value and a comma': `${text},`,
    'a comma too many': `{${inner},}`,
    'a comment': `/* */${text}`,
    'no JSON number': '{"a":NaN}',
    'single quotes': text.replaceAll('"', "'"),
    'a list of it': `[${text}]`,
    'its text as JSON': JSON.stringify(text),
    null: 'null',
    'a number': '0',
    'each member twice': `{${inner}${also}}`,
    'another prototype': `{"__proto__":{"isAdmin":true}${also}}`,
    'another constructor': `{"constructor":{"prototype":{"isAdmin":true}}${also}}`,
    'names that every object has': `{"toString":1,"hasOwnProperty":1,"valueOf":1,"then":1${also}}`,
    'a member without a name': `{"":1${also}}`,
    'a deep list': deepArray(DEEP),
    'a deep object': deepObject(DEEP),
    'a deep list that does not end': '['.repeat(DEEP),
    'a deep member': `{"more":${deepArray(DEEP)}${also}}`,
    '2,000 members': `{${Array.from({ length: 2000 }, (_, nth) => `"${nth}":1`).join(',')}${also}}`,
    'a name of 60,000 characters': `{"${'k'.repeat(60_000)}":1${also}}`,
    'UTF-16': new Uint8Array(Array.from(text, (character) => [character.charCodeAt(0) & 0xff, 0]).flat()),
    'bytes that are no UTF-8': bytes('{"', [0xff, 0xfe, 0xc0, 0x80], '":1', also, '}'),
    'a character cut short': bytes(text.slice(0, -1), [0xf0, 0x9f]),
    NULs: bytes([0, 0, 0, 0], text),
    'what looks compressed': bytes([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]),
    'a byte over the smallest limit': `${' '.repeat(64 * 1024 + 1 - text.length)}${text}`,
  };
  return [
    ...Object.entries(whole).map(([name, body]) => ({ name, body })),
    ...Object.keys(good).flatMap((member) =>
      Object.entries(ODD_VALUES).map(([odd, value]) => ({
        name: `${odd} for ${member}`,
        body: withMember(good, member, value),
      })),
    ),
    ...CONTENT_TYPES.map((type) => ({ name: `the type ${type.slice(0, 40)}`, body: text, type })),
  ];
}

/** The JSON text of an object with another value, given as its text, for one member. */
function withMember(good: object, member: string, value: string): string {
  const members = Object.entries(good).map(
    ([name, old]) => `${JSON.stringify(name)}:${name === member ? value : JSON.stringify(old)}`,
  );
  return `{${members.join(',')}}`;
}

const CONTENT_TYPES = [
  '',
  'application/json; charset=utf-16',
  'application/json;;;=',
  'application/json, text/plain',
  'APPLICATION/JSON',
  'application/jsonp',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  'multipart/form-data; boundary=',
  'x'.repeat(4000),
] as const;

/** Forms as the OAuth routes read them, around a good one. */
export function hostileForms(good: Readonly<Record<string, string>>): HostileBody[] {
  const text = new URLSearchParams(good).toString();
  const type = 'application/x-www-form-urlencoded';
  const whole: Record<string, string> = {
    nothing: '',
    'each parameter twice': `${text}&${text}`,
    'parameters without a value': Object.keys(good).join('&'),
    'a parameter of 60,000 characters': `${text}&token=${'x'.repeat(60_000)}`,
    'percent signs alone': '%&%=%&%zz=%zz',
    'bytes that are no UTF-8': `${text}&token=%ff%c0%80`,
    'a NUL': `${text}&audience=%00`,
    'names that every object has': `__proto__=1&constructor=1&toString=1&${text}`,
    'lists and paths': `token[]=1&token[__proto__]=1&${text}`,
    '5,000 parameters': `${'a=1&'.repeat(5000)}${text}`,
    'JSON in place of a form': JSON.stringify(good),
  };
  return [
    ...Object.entries(whole).map(([name, body]) => ({ name, body, type })),
    ...CONTENT_TYPES.map((other) => ({ name: `the type ${other.slice(0, 40)}`, body: text, type: other })),
  ];
}
