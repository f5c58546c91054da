/** What keeps secrets: a wrapper that does not print, digests that may be stored, and where random bytes come from. */

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** A text that prints as `[redacted]` wherever it ends up by mistake: in a log, an error, a template or JSON (T6). */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself. Callers: where a token is put on the wire, where keys are imported, and where a registered client gets its token. */
  reveal(): string {
    return this.#text;
  }

  /** Whether `given` is this secret. Both are hashed first, so neither content nor length shows in the time it takes. */
  async matches(given: string): Promise<boolean> {
    return sameDigest(await sha256(this.#text), await sha256(given));
  }

  /** HMAC-SHA256 of a text under this secret, which tells nothing of it. */
  hmac(text: string): Promise<Uint8Array<ArrayBuffer>> {
    return hmac(new TextEncoder().encode(this.#text), text);
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }

  [INSPECT](): string {
    return '[redacted]';
  }
}

/** HMAC-SHA256 of a text (RFC 2104). */
export async function hmac(key: Uint8Array<ArrayBuffer>, text: string): Promise<Uint8Array<ArrayBuffer>> {
  const imported = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, new TextEncoder().encode(text)));
}

/** SHA-256 in base64url without padding: the form of `bsha` and of stored secrets. */
export async function sha256(text: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))));
}

/** Compares two digests of one length in constant time: the loop does not end at the first difference. */
export function sameDigest(one: string, other: string): boolean {
  let difference = one.length ^ other.length;
  for (let at = 0; at < one.length; at += 1) difference |= one.charCodeAt(at) ^ other.charCodeAt(at);
  return difference === 0;
}

/** `count` random bytes. */
export function randomBytes(count: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(count));
}

/** base64url without padding (RFC 4648, section 5). */
export function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
