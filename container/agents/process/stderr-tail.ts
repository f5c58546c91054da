import { MAX_RUNTIME_SECRET_BYTES, MAX_STDERR_UNITS } from '#protocol';

const REDACTED = '[redacted]';

/** Replaces what must not be shown, the longest first: one may be a part of another. */
export function scrub(text: string, secrets: readonly string[]): string {
  const longestFirst = secrets.filter((secret) => secret !== '').toSorted((one, other) => other.length - one.length);
  return longestFirst.reduce((scrubbed, secret) => scrubbed.replaceAll(secret, REDACTED), text);
}

/** The end of what a process writes, bounded while it writes, and shown without its secrets. */
export class StderrTail {
  readonly #secrets: readonly string[];
  readonly #maxBytes: number;
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  #isCut = false;

  constructor(secrets: readonly string[], maxUnits = MAX_STDERR_UNITS) {
    this.#secrets = secrets;
    // Room for a secret of which the beginning is cut off.
    this.#maxBytes = maxUnits + MAX_RUNTIME_SECRET_BYTES;
  }

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    for (let first = this.#chunks[0]; first !== undefined && this.#bytes - first.length >= this.#maxBytes;) {
      this.#chunks.shift();
      this.#bytes -= first.length;
      this.#isCut = true;
      first = this.#chunks[0];
    }
  }

  text(maxUnits = MAX_STDERR_UNITS): string {
    const whole = Buffer.concat(this.#chunks);
    const isCut = this.#isCut || whole.length > this.#maxBytes;
    const text = whole.subarray(Math.max(0, whole.length - this.#maxBytes)).toString('utf8');
    const scrubbed = scrub(isCut ? this.#withoutCutSecret(text) : text, this.#secrets);
    return scrubbed.slice(Math.max(0, scrubbed.length - maxUnits)).toWellFormed();
  }

  /** What is cut may begin with the end of a secret, which would not be found as a whole. */
  #withoutCutSecret(text: string): string {
    let end = 0;
    for (const secret of this.#secrets) {
      for (let units = secret.length - 1; units > end; units -= 1) {
        if (text.startsWith(secret.slice(-units))) end = units;
      }
    }
    return text.slice(end);
  }
}
