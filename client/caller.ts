/**
 * Sends one request of the API and answers its body. What may be repeated is repeated where the server asks for that or was not
 * reached: a bounded number of times, after the time that it names, or ever longer. Nothing is repeated that could happen twice.
 */
import { ApiError, Unreachable } from './api-error.ts';
import type { Problem } from './api-types.ts';
import { asJson } from './json.ts';
import type { Outside } from './outside.ts';

/** Tries of one call at most. */
const TRIES = 4;
/** The wait before the next try doubles from the first to the last (ms), with jitter in its upper half. */
const BACKOFF = { firstMs: 300, maxMs: 5000 };
/** A server that asks for more patience (s) has its refusal handed on instead. */
const PATIENCE_SECONDS = 30;
/** An answer is there within this (ms), and the seconds that it was asked to wait. */
const TIMEOUT_MS = 30_000;

export interface CallOptions {
  /** Ends the call, its waits and its repeats; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface PageOptions extends CallOptions {
  /** `next` of the page before. */
  readonly cursor?: string | undefined;
  /** Items at most. */
  readonly limit?: number | undefined;
}

export interface WaitOptions extends CallOptions {
  /** Seconds that the server waits for the end of the turn before it answers, at most 60. Not said: none. */
  readonly waitSeconds?: number | undefined;
}

interface Order extends WaitOptions {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** From the first slash, with its query. */
  readonly path: string;
  readonly body?: object | undefined;
  /** Twice is once. Where it is not said, what is not a POST is so. */
  readonly repeatable?: boolean;
}

interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

type Filter = Readonly<Record<string, string | number | undefined>>;

export interface Server {
  readonly origin: string;
  readonly token: () => string | Promise<string>;
  readonly fetch: (address: string, init: RequestInit) => Promise<Response>;
}

/** Rejects with `ApiError`, `Unreachable`, the reason of the caller's signal, or what the token's source throws. */
export class Caller {
  readonly #server: Server;
  readonly #outside: Outside;

  constructor(server: Server, outside: Outside) {
    this.#server = server;
    this.#outside = outside;
  }

  /** What a path answers, whose type the operation tells. */
  get<T>(path: string, { signal, waitSeconds }: WaitOptions = {}): Promise<T> {
    return this.#body({ method: 'GET', path, signal, waitSeconds });
  }

  /** A page of a list, or of a part of it that `filter` says. */
  page<T>(path: string, { cursor, limit, signal }: PageOptions = {}, filter: Filter = {}): Promise<T> {
    const said = Object.entries({ ...filter, cursor, limit }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]],
    );
    const query = new URLSearchParams(said).toString();
    return this.get(query === '' ? path : `${path}?${query}`, { signal });
  }

  post<T>(path: string, body: object | undefined, { signal }: CallOptions = {}): Promise<T> {
    return this.#body({ method: 'POST', path, body, signal });
  }

  patch<T>(path: string, body: object, { signal }: CallOptions = {}): Promise<T> {
    return this.#body({ method: 'PATCH', path, body, signal });
  }

  put<T>(path: string, body: object, { signal }: CallOptions = {}): Promise<T> {
    return this.#body({ method: 'PUT', path, body, signal });
  }

  delete<T>(path: string, { signal }: CallOptions = {}): Promise<T> {
    return this.#body({ method: 'DELETE', path, signal });
  }

  async #body<T>(order: Order): Promise<T> {
    return (await this.call<T>(order)).body;
  }

  /** Any of these, with the status where it says more than the body. */
  async call<T>(order: Order): Promise<Answer<T>> {
    if (DOT_SEGMENT.test(order.path)) throw new ApiError(404, NOT_THERE, new Headers());
    for (let nth = 1; ; nth += 1) {
      try {
        return await this.#once<T>(order);
      } catch (thrown) {
        order.signal?.throwIfAborted();
        const waitMs = nth === TRIES ? null : this.#waitMs(order, thrown, nth);
        if (waitMs === null) throw thrown;
        await this.pause(waitMs, order.signal);
      }
    }
  }

  /** Rejects as a call does where the signal ends it. */
  pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        cancelTimer();
        reject(asError(signal?.reason));
      };
      const cancelTimer = this.#outside.after(ms, () => {
        signal?.removeEventListener('abort', end);
        resolve();
      });
      signal?.addEventListener('abort', end, { once: true });
    });
  }

  /** Before the next try; null: there is none. */
  #waitMs({ method, repeatable = method !== 'POST' }: Order, thrown: unknown, nth: number): number | null {
    const doubled = Math.min(BACKOFF.maxMs, BACKOFF.firstMs * 2 ** (nth - 1));
    const ownMs = doubled * (0.5 + this.#outside.random() / 2);
    if (thrown instanceof Unreachable) return repeatable && thrown.why !== 'unreadable' ? ownMs : null;
    if (!(thrown instanceof ApiError)) return null;
    // 429 is said before anything is done, so that it can be asked again whatever it was.
    if (thrown.status !== 429 && !(repeatable && isPause(thrown))) return null;
    const asked = thrown.retryAfter ?? 0;
    return asked > PATIENCE_SECONDS ? null : Math.max(asked * 1000, ownMs);
  }

  async #once<T>({ method, path, body, waitSeconds = 0, signal }: Order): Promise<Answer<T>> {
    signal?.throwIfAborted();
    const token = await this.#server.token();
    const late = new AbortController();
    const cancelTimer = this.#outside.after(TIMEOUT_MS + waitSeconds * 1000, () => late.abort());
    try {
      const response = await this.#server.fetch(`${this.#server.origin}${path}`, {
        method,
        headers: {
          ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(waitSeconds > 0 ? { prefer: `wait=${waitSeconds}` } : {}),
        },
        redirect: 'error',
        signal: signal === undefined ? late.signal : AbortSignal.any([late.signal, signal]),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const parsed = asJson(await response.text());
      if (!response.ok) throw new ApiError(response.status, problemIn(parsed), response.headers);
      if (parsed === undefined) throw new Unreachable('unreadable');
      // The types are made of the schemas that the server's routes declare; here is no schema library to prove it again.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      return { status: response.status, body: parsed as T };
    } catch (thrown) {
      signal?.throwIfAborted();
      if (thrown instanceof ApiError || thrown instanceof Unreachable) throw thrown;
      throw new Unreachable(late.signal.aborted ? 'timeout' : 'network', thrown);
    } finally {
      cancelTimer();
    }
  }
}

/**
 * An id or a name of one or two dots, which none is: the platform would leave it out of the address, in escapes too, with what stands before
 * it, and so ask for another thing.
 */
const DOT_SEGMENT = /\/\.\.?(?=[/?]|$)/;
const NOT_THERE = { code: 'not_found', title: 'No such thing, or not yours' } as const;

/** `misconfigured` goes on until its operator acts. */
const isPause = ({ status, code }: ApiError): boolean => [502, 503, 504].includes(status) && code !== 'misconfigured';

const asError = (reason: unknown): Error =>
  reason instanceof Error ? reason : new Error('aborted', { cause: reason });

/** The problem of a refusal, as far as it is one; a middlebox says what it likes. */
function problemIn(body: unknown): Partial<Problem> {
  if (typeof body !== 'object' || body === null || !('code' in body) || !('title' in body)) return {};
  // Nothing else answers with both.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return body as Partial<Problem>;
}
