import { NoCredential, type Credential } from './credential.ts';
import { ThirdPartyTokens } from './third-party-tokens.ts';

/** One request, as `fetch` takes it; its body can be sent twice. */
export interface TownRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly signal?: AbortSignal;
}

/** The platform's `fetch`, or a fake town. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

interface TownParts {
  readonly origin: string;
  readonly credential: Credential;
  readonly fetch: Fetch;
  readonly now: () => number;
  /** Ends a request that gets no answer. */
  readonly deadline: () => AbortSignal;
}

/** The town, as an agent's own process calls it. */
export class Town {
  readonly #parts: TownParts;
  readonly #thirdParties: ThirdPartyTokens;

  constructor(parts: TownParts) {
    this.#parts = parts;
    const { now } = parts;
    this.#thirdParties = new ThirdPartyTokens({ own: () => this.token(), post: (form) => this.#exchange(form), now });
  }

  /** The current token, for what cannot go through `fetch`. Ask again for each use. Throws `NoCredential`. */
  token(): string {
    const token = this.#parts.credential.read();
    if (token === null) throw new NoCredential('there is no token in the file that REEVE_TOKEN_FILE names');
    return token;
  }

  /**
   * Sends one request to the town, with the token that is in the file at that moment. After a 401 it reads the file again, and sends
   * once more if there is another token; never a third time. Returns the town's last answer. Redirects are answers, so the
   * token goes nowhere else.
   * @param path from the slash on
   * @throws TypeError for a path that leads elsewhere, `NoCredential`, and whatever `fetch` throws
   */
  async fetch(path: string, request: TownRequest = {}): Promise<Response> {
    const url = this.#urlOf(path);
    const first = this.token();
    const answer = await this.#send(url, first, request);
    if (answer.status !== 401) return answer;
    const second = this.#parts.credential.read();
    if (second === null || second === first) return answer;
    await answer.body?.cancel();
    return this.#send(url, second, request);
  }

  /**
   * A token that this third party accepts as the agent, for at least some minutes; ask again for each use. It is exchanged for the
   * agent's own, kept, and replaced in time. The town has to allow the audience, and the agent needs the scope `exchange`.
   * @throws `ExchangeRefused`, `NoCredential`, and whatever `fetch` throws
   */
  tokenFor(audience: string): Promise<string> {
    return this.#thirdParties.get(audience);
  }

  /** Stops reading the file; nothing else is open. Idempotent. */
  close(): void {
    this.#parts.credential.close();
  }

  /** The own token stands in the form, and in no header. */
  #exchange(form: URLSearchParams): Promise<Response> {
    const url = this.#urlOf('/v1/oauth/token');
    const signal = this.#parts.deadline();
    return this.#parts.fetch(url, { method: 'POST', body: form, redirect: 'manual', signal });
  }

  #urlOf(path: string): string {
    const { origin } = this.#parts;
    const url = path.startsWith('/') && URL.canParse(path, origin) ? new URL(path, origin) : null;
    if (url?.origin !== origin) throw new TypeError('the path must begin with one slash');
    return url.href;
  }

  #send(url: string, token: string, { headers, ...request }: TownRequest): Promise<Response> {
    const own = new Headers(headers);
    own.set('authorization', `Bearer ${token}`);
    return this.#parts.fetch(url, { ...request, headers: own, redirect: 'manual' });
  }
}
