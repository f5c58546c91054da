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

/** So many characters of a signature or of a secret give it away as well as all of them; a shorter one cannot be looked for. */
const TELLING_CHARS = 20;

const PATTERNS: readonly (readonly [string, RegExp])[] = [
  // `eyJ` is `{"` in base64url: two JSON objects and a signature are a JWS, whatever key signed it.
  ['a JWS', /eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g],
  // `{"alg":`: the beginning of a token that something cut off.
  ['the header of a token', /eyJhbGciOi[A-Za-z0-9_-]*/g],
  ['a secret of 256 bits, called so', /secret[^A-Za-z0-9_-]{1,8}[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])/gi],
  ['the private part of a key', /["']d["']\s*:\s*["'][A-Za-z0-9_-]{43}["']/g],
];
const RUN = /[A-Za-z0-9_-]{20,}/g;

/**
 * Every place in `text` that looks like a token, or is one of the known secrets, whole or in its beginning or end. Engines store
 * texts with other than Latin letters in two bytes a character; read as Latin-1 every second one is zero, so zeros are skipped.
 */
export function findSecrets(where: string, text: string, known: Known): Finding[] {
  const telling = tellingPartsOf(known);
  const found = findIn(where, text, telling);
  return text.includes('\0')
    ? [...found, ...findIn(`${where}, without zeros`, text.replaceAll('\0', ''), telling)]
    : found;
}

function findIn(where: string, text: string, telling: ReadonlyMap<string, string>): Finding[] {
  const found: Finding[] = [];
  for (const [what, pattern] of PATTERNS) {
    for (const match of text.matchAll(pattern)) found.push({ where, what, at: match.index });
  }
  for (const { 0: run, index } of text.matchAll(RUN)) {
    for (let at = 0; at <= run.length - TELLING_CHARS; at += 1) {
      const what = telling.get(run.slice(at, at + TELLING_CHARS));
      if (what !== undefined) found.push({ where, what, at: index + at });
    }
  }
  return found;
}

/** A token is known by its signature, another secret by itself: by the beginning, and by the end. */
function tellingPartsOf(known: Known): Map<string, string> {
  const parts = new Map<string, string>();
  for (const [what, secret] of Object.entries(known)) {
    const signature = secret.split('.')[2] ?? '';
    const whole = signature === '' ? secret : signature;
    if (whole.length < TELLING_CHARS) throw new RangeError(`${what} is too short to be looked for`);
    parts.set(whole.slice(0, TELLING_CHARS), what).set(whole.slice(-TELLING_CHARS), what);
  }
  return parts;
}
