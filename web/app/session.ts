/** Who is signed in. The credential stays in this tab: in memory, and in sessionStorage so that it survives a reload. */
import { signal, type ReadonlySignal } from '@preact/signals';
import { ApiError, createClient, type Caller, type ReeveClient } from '../../client/index.ts';
import { request } from '../lib/browser.ts';
import { beginOidc, finishOidc, type Granted, type Provider } from './oidc.ts';

/** How people can sign in here, beside a key. */
export interface Ways {
  readonly oidc: Provider | null;
  readonly access: boolean;
}

export type SessionState =
  | { readonly name: 'starting' }
  /** `why`: what the person is told beside the form; null: nothing. */
  | { readonly name: 'out'; readonly why: string | null }
  | { readonly name: 'in'; readonly client: ReeveClient; readonly caller: Caller };

/** Where the credential lies; a credential of Cloudflare Access lies nowhere, because the browser itself adds it. */
const KEPT = 'reeve.credential';
/** Whose what lies in this tab is: drafts, and messages that are not confirmed. */
const PERSON = 'reeve.person';
const ENDED = 'Your sign-in is over, or was revoked. Sign in again: nothing that you sent is lost.';
const WRONG = 'This is not accepted: it is mistyped, over, or was revoked.';
const NOT_TOLD = 'Whether you are signed in cannot be told now. Load the page again in a moment: your sign-in is kept.';

/** One person at a time. */
export class Session {
  readonly #state = signal<SessionState>({ name: 'starting' });
  readonly #ways = signal<Ways>({ oidc: null, access: false });
  #token = '';

  get state(): ReadonlySignal<SessionState> {
    return this.#state;
  }

  get ways(): ReadonlySignal<Ways> {
    return this.#ways;
  }

  /** What the address brings, what this tab still has, or what the browser adds by itself; else there is a form. */
  async start(): Promise<void> {
    try {
      this.#ways.value = await this.#client('').getSignIn();
      const granted = (await this.#fromLink()) ?? (await this.#fromProvider()) ?? this.#kept();
      if (granted === null && !this.#ways.value.access) return this.#out(null);
      await this.signIn(granted?.token ?? '', null);
    } catch (thrown) {
      this.#out(wordsOf(thrown));
    }
  }

  /** With a credential; an empty one is what the browser adds by itself. `why`: what is said where it is not accepted. */
  async signIn(token: string, why: string | null = WRONG): Promise<void> {
    this.#keep(token);
    const client = this.#client(token);
    try {
      const caller = await client.getCaller();
      // What another person has left in this tab is not sent in the name of this one.
      if (sessionStorage.getItem(PERSON) !== caller.subject) sessionStorage.clear();
      sessionStorage.setItem(PERSON, caller.subject);
      this.#keep(token);
      this.#state.value = { name: 'in', client, caller };
    } catch (thrown) {
      // Only a refusal says that it is worth nothing; the key of a link is got once.
      if (!isRefusal(thrown)) return this.#out(`${wordsOf(thrown)}. ${NOT_TOLD}`);
      this.#forget();
      this.#out(why);
    }
  }

  #keep(token: string): void {
    this.#token = token;
    if (token !== '') sessionStorage.setItem(KEPT, token);
  }

  /** Leaves the page for the OpenID provider. */
  async goToProvider(): Promise<void> {
    const { oidc } = this.#ways.value;
    if (oidc === null) return;
    try {
      await beginOidc(oidc, redirectUri(), location.hash);
    } catch (thrown) {
      this.#out(wordsOf(thrown));
    }
  }

  /** Whoever sits down at this tab next finds nothing, drafts neither. */
  signOut(): void {
    sessionStorage.clear();
    this.#forget();
    this.#out(null);
  }

  /**
   * Of one sign-in: what it still sends after that is over goes out with its own credential. A refusal of a credential that was good is the
   * end of the session, whatever was being asked for.
   */
  #client(token: string): ReeveClient {
    return createClient({
      url: location.origin,
      token,
      fetch: async (address, init) => {
        const response = await request(address, init);
        if (response.status === 401 && this.#state.peek().name === 'in' && token === this.#token) {
          this.#forget();
          this.#out(ENDED);
        }
        return response;
      },
    });
  }

  async #fromLink(): Promise<Granted | null> {
    const code = /^#sign-in=(.+)$/.exec(location.hash)?.[1];
    if (code === undefined) return null;
    // It is used up, and is not to stay in the history of the browser.
    history.replaceState(null, '', `${location.pathname}#/`);
    try {
      const { key, expires_at } = await this.#client('').redeemSignInLink({ code });
      return { token: key, endsAtMs: Date.parse(expires_at) };
    } catch (thrown) {
      if (!isRefusal(thrown)) throw new Error(`${wordsOf(thrown)}. Open the link again.`, { cause: thrown });
      throw new Error('This sign-in link was used already, or is over. Make another one.', { cause: thrown });
    }
  }

  async #fromProvider(): Promise<Granted | null> {
    const { oidc } = this.#ways.value;
    const { search } = location;
    if (oidc === null || search === '') return null;
    history.replaceState(null, '', `${location.pathname}${location.hash}`);
    const granted = await finishOidc(oidc, redirectUri(), search);
    if (granted !== null) history.replaceState(null, '', `${location.pathname}${granted.returnTo}`);
    return granted;
  }

  #kept(): Granted | null {
    const token = sessionStorage.getItem(KEPT);
    return token === null ? null : { token, endsAtMs: null };
  }

  #forget(): void {
    this.#token = '';
    sessionStorage.removeItem(KEPT);
  }

  #out(why: string | null): void {
    this.#state.value = { name: 'out', why };
  }
}

const redirectUri = (): string => `${location.origin}/`;

/** The credential, or the code, is not accepted: it never will be. */
const isRefusal = (thrown: unknown): boolean => thrown instanceof ApiError && thrown.status === 401;

const wordsOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
