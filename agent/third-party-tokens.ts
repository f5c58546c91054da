/** Sent as RFC 8693 has it; `tokenFor` of a town asks through this. */
const EXCHANGE = {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
};
/** A token is replaced so long before its end (ms), or at half of a life that is shorter than twice this. */
const AHEAD_MS = 300_000;

/** The town gives no token: `code` says why, as everywhere in its API. To ask again at once does not help. */
export class ExchangeRefused extends Error {
  override readonly name = 'ExchangeRefused';
  readonly code: string;

  constructor(code: string, description: string) {
    super(`the town gives no token for this audience: ${description}`);
    this.code = code;
  }
}

interface Kept {
  readonly token: string;
  readonly freshUntilMs: number;
  readonly expiresAtMs: number;
}

interface Parts {
  /** The agent's own token, as it is in the file. Throws where there is none. */
  readonly own: () => string;
  readonly post: (form: URLSearchParams) => Promise<Response>;
  readonly now: () => number;
}

/** Tokens for third parties, each kept until it is near its end; asked for once, however many want one at the same time. */
export class ThirdPartyTokens {
  readonly #parts: Parts;
  readonly #kept = new Map<string, Kept>();
  readonly #flights = new Map<string, Promise<string>>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get(audience: string): Promise<string> {
    const kept = this.#kept.get(audience);
    if (kept !== undefined && this.#parts.now() < kept.freshUntilMs) return Promise.resolve(kept.token);
    const flight = this.#flights.get(audience) ?? this.#renew(audience).finally(() => this.#flights.delete(audience));
    this.#flights.set(audience, flight);
    return flight;
  }

  /** Where the town is not reached, what is kept serves to its end. */
  async #renew(audience: string): Promise<string> {
    try {
      const fresh = await this.#exchange(audience);
      this.#kept.set(audience, fresh);
      return fresh.token;
    } catch (thrown) {
      const kept = this.#kept.get(audience);
      const isOver = kept === undefined || this.#parts.now() >= kept.expiresAtMs;
      if (isOver || thrown instanceof ExchangeRefused) throw thrown;
      return kept.token;
    }
  }

  /** Once more where the file has another token than the one that was refused. */
  async #exchange(audience: string): Promise<Kept> {
    const { own, post, now } = this.#parts;
    const first = own();
    const ask = (subject: string) => post(new URLSearchParams({ ...EXCHANGE, subject_token: subject, audience }));
    const askedAtMs = now();
    let answer = await ask(first);
    const second = own();
    if (answer.status === 400 && second !== first) {
      await answer.body?.cancel();
      answer = await ask(second);
    }
    const said: unknown = await answer.json();
    const [token, seconds] = [field(said, 'access_token'), field(said, 'expires_in')];
    if (answer.ok && typeof token === 'string' && typeof seconds === 'number') {
      const lifeMs = seconds * 1000;
      const freshUntilMs = askedAtMs + Math.max(lifeMs - AHEAD_MS, lifeMs / 2);
      return { token, freshUntilMs, expiresAtMs: askedAtMs + lifeMs };
    }
    const [code, description] = [field(said, 'code'), field(said, 'error_description')];
    if (answer.status !== 400 || typeof code !== 'string') throw new Error(`the town answered ${answer.status}`);
    throw new ExchangeRefused(code, String(description));
  }
}

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
