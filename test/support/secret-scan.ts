/** Looks for tokens and secrets where none may be. Pure, and the same for texts and for the raw pages of a database. */

/** What was found, without quoting it. */
export interface Finding {
  readonly where: string;
  readonly what: string;
  /** Character, or byte, at which it begins. */
  readonly at: number;
}

/** Texts that are known to be secret, each with the name that a finding shows. */
export type Known = Readonly<Record<string, string>>;

/** Shorter texts than this are found by chance. */
const MIN_KNOWN_CHARS = 12;
/** Of a token's signature or a long secret, so many characters give it away as well as all of them. */
const TELLING_CHARS = 20;

const PATTERNS: readonly (readonly [string, RegExp])[] = [
  // `eyJ` is `{"` in base64url: two JSON objects and a signature are a JWS, whoever signed it.
  ['a JWS', /eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g],
  // `{"alg":`: the beginning of a token that something cut off.
  ['the header of a token', /eyJhbGciOi[A-Za-z0-9_-]*/g],
  ['a secret of 256 bits, called so', /secret[^A-Za-z0-9_-]{1,8}[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])/gi],
  ['the private part of a key', /["']d["']\s*:\s*["'][A-Za-z0-9_-]{43}["']/g],
];

/** Every place in `text` that looks like a token, or is one of the known secrets, whole or in its telling part. */
export function findSecrets(where: string, text: string, known: Known): Finding[] {
  const found: Finding[] = [];
  for (const [what, pattern] of PATTERNS) {
    for (const match of text.matchAll(pattern)) found.push({ where, what, at: match.index });
  }
  for (const [what, secret] of Object.entries(known)) {
    for (const telling of tellingPartsOf(secret)) {
      for (const form of [telling, wide(telling)]) {
        const at = text.indexOf(form);
        if (at !== -1) found.push({ where, what, at });
      }
    }
  }
  return found;
}

/** A token is known by its signature, a secret by its beginning and by its end. */
function tellingPartsOf(secret: string): string[] {
  if (secret.length < MIN_KNOWN_CHARS) throw new RangeError('too short to be looked for');
  const signature = secret.split('.').length === 3 ? (secret.split('.')[2] ?? '') : '';
  if (signature.length >= TELLING_CHARS) return [signature.slice(0, TELLING_CHARS), signature.slice(-TELLING_CHARS)];
  return secret.length < 2 * TELLING_CHARS ? [secret] : [secret.slice(0, TELLING_CHARS), secret.slice(-TELLING_CHARS)];
}

/** As two bytes a character, as engines store texts with other than Latin letters; read as Latin-1, every second one is zero. */
const wide = (text: string): string => text.split('').join('\0');
