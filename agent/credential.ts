import { readFileSync } from 'node:fs';

/** `process.env`, or what stands for it. */
export type Environment = Record<string, string | undefined>;

/** There is no token: the agent does not run with `credentials: file`, or it has ended. */
export class NoCredential extends Error {
  override readonly name = 'NoCredential';
}

/** A bearer (RFC 6750) of at most 8 KiB: a longer one is refused by every server. */
const TOKEN = /^[\w.~+/=-]{1,8192}$/;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

interface CredentialParts {
  /** Absolute. */
  readonly path: string;
  /** Variables that hold the same token, for code that looks there. */
  readonly aliases: readonly string[];
  readonly environment: Environment;
  /** Calls `read` again and again, until the returned function is called. */
  readonly repeat: (read: () => void) => () => void;
}

/** The token in the file, and the variables that are kept in step with it, all or none. No request is made. */
export class Credential {
  readonly #parts: CredentialParts;
  readonly #stop: () => void;

  /** Sets the aliases, where there is a token. Throws `TypeError` for a name that no variable may have. */
  constructor(parts: CredentialParts) {
    this.#parts = parts;
    for (const name of parts.aliases) {
      if (!NAME.test(name) || name.startsWith('REEVE_')) throw new TypeError(`${name} cannot stand for the token`);
    }
    this.read();
    // Read again and again: notifications of the system miss what happens before they are set up, and need more rights.
    this.#stop = parts.aliases.length > 0 ? parts.repeat(() => void this.read()) : () => undefined;
  }

  /** The current token, read from the file now; the aliases hold it too. Null where there is none. */
  read(): string | null {
    const token = this.#readFile();
    if (token !== null) this.#setAll(token);
    return token;
  }

  /** Follows the file no longer. The aliases keep what they hold. */
  close(): void {
    this.#stop();
  }

  #readFile(): string | null {
    try {
      const text = readFileSync(this.#parts.path, 'utf8').trim();
      return TOKEN.test(text) ? text : null;
    } catch {
      return null;
    }
  }

  /** One that is empty or older is set, and all others with it. Where one cannot be set, none is. */
  #setAll(token: string): void {
    const { aliases, environment } = this.#parts;
    const before = aliases.map((name) => [name, environment[name]] as const);
    if (before.every(([, held]) => held === token)) return;
    try {
      for (const name of aliases) environment[name] = token;
    } catch (thrown) {
      for (const [name, held] of before) restore(environment, name, held);
      throw thrown;
    }
  }
}

/** A variable that is set to undefined would hold that word. */
function restore(environment: Environment, name: string, held: string | undefined): void {
  if (held !== undefined) environment[name] = held;
  else Reflect.deleteProperty(environment, name);
}
