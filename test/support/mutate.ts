/** Tokens that are almost right. */
import { encodeJson, partsOf } from './signing.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

type Random = () => number;
type Mutation = (token: string, random: Random) => string;

const pick = (count: number, random: Random): number => Math.floor(random() * count);
const replaceAt = (text: string, at: number, by: string): string => text.slice(0, at) + by + text.slice(at + 1);
const join = ({ header, payload, signature }: ReturnType<typeof partsOf>): string =>
  `${header}.${payload}.${signature}`;

/** One character of one part becomes another of the alphabet. */
function flip(text: string, random: Random): string {
  const at = pick(text.length, random);
  const other = ALPHABET[(ALPHABET.indexOf(text[at] ?? 'A') + 1 + pick(63, random)) % 64] ?? 'A';
  return replaceAt(text, at, other);
}

function parsed(part: string): Record<string, unknown> {
  const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  return { ...(typeof value === 'object' ? value : {}) };
}

/** A member of a JSON part gets another value, or goes, or a new one comes; the signature stays. */
function editJson(part: string, random: Random): string {
  const value = parsed(part);
  const names = Object.keys(value);
  const name = names[pick(names.length, random)] ?? 'iss';
  const old = value[name];
  const edits: (() => unknown)[] = [
    () => delete value[name],
    () => (value[name] = typeof old === 'number' ? old + 1 + pick(1000, random) : `${String(old)}x`),
    () => (value[name] = typeof old === 'number' ? old - 1 - pick(1000, random) : String(old).slice(1)),
    () => (value[name] = null),
    () => (value[name] = [old]),
    () => (value[`extra${pick(1000, random)}`] = true),
  ];
  edits[pick(edits.length, random)]?.();
  return encodeJson(value);
}

/** Where the signature is what is wrong: header and key are found good, and cryptography has to say no. */
const REACHING: readonly Mutation[] = [
  (token, random) => join({ ...partsOf(token), signature: flip(partsOf(token).signature, random) }),
  (token, random) => join({ ...partsOf(token), payload: flip(partsOf(token).payload, random) }),
  (token, random) => join({ ...partsOf(token), payload: editJson(partsOf(token).payload, random) }),
];

/** Where the form, the header or the key is what is wrong. */
const EARLY: readonly Mutation[] = [
  (token, random) => join({ ...partsOf(token), header: flip(partsOf(token).header, random) }),
  (token, random) => join({ ...partsOf(token), header: editJson(partsOf(token).header, random) }),
  (token, random) => token.slice(0, pick(token.length, random)),
  (token, random) => token.slice(1 + pick(token.length - 1, random)),
  (token, random) => token + (ALPHABET[pick(64, random)] ?? 'A').repeat(1 + pick(8, random)),
  (token, random) => {
    const at = pick(token.length + 1, random);
    return token.slice(0, at) + (ALPHABET[pick(64, random)] ?? 'A') + token.slice(at);
  },
  (token, random) => {
    const at = pick(token.length, random);
    return token.slice(0, at) + token.slice(at + 1);
  },
  (token, random) => replaceAt(token, pick(token.length, random), '.'),
  (token, random) => token.replace('.', ['', '..', '.=.', ' .'][pick(4, random)] ?? ''),
  (token, random) => `${token}${['=', '==', '.', '.e30', '~', '+/'][pick(6, random)] ?? '='}`,
  (token, random) => {
    const parts = token.split('.');
    const [one, other] = [pick(3, random), pick(3, random)];
    return parts.with(one, parts[other] ?? '').join('.');
  },
  (token) => token.toUpperCase(),
  (token) => token.split('').toReversed().join(''),
];

/** A token that differs from `token`; every fourth one is of the kind that only cryptography can tell. */
export function mutate(token: string, nth: number, random: Random): string {
  const kinds = nth % 4 === 0 ? REACHING : EARLY;
  for (;;) {
    const mutated = kinds[pick(kinds.length, random)]?.(token, random) ?? '';
    if (mutated !== token) return mutated;
  }
}

/** Every other text of which lenient base64 makes the very same signature. */
export function sameBytesOtherText(token: string): string[] {
  const last = ALPHABET.indexOf(token.at(-1) ?? 'A');
  const siblings = ALPHABET.split('').filter((_, at) => at !== last && at >> 4 === last >> 4);
  const rest = token.slice(0, -1);
  return [
    ...siblings.map((character) => rest + character),
    `${token}=`,
    `${token}==`,
    token.replaceAll('-', '+').replaceAll('_', '/'),
  ].filter((text) => text !== token);
}
