import { sameDigest, sha256 } from './digest.ts';

/** A text that prints as `[redacted]` wherever it ends up by mistake: in a log, an error, a template or JSON (T6). */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself. Callers: where a minted token is put on the wire, and where keys are imported. */
  reveal(): string {
    return this.#text;
  }

  /** Whether `given` is this secret. Both are hashed first, so neither content nor length shows in the time it takes. */
  async matches(given: string): Promise<boolean> {
    return sameDigest(await sha256(this.#text), await sha256(given));
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }
}
