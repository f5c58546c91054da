const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** A text that prints as `[redacted]` wherever it ends up by mistake: in a log, an error, a template or JSON (T6). */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself. Callers: where a request is put on the wire, and where a registered client gets its token. */
  reveal(): string {
    return this.#text;
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
