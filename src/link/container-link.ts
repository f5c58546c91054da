/** The way to one container, as the town sees it, and what the way itself needs. */
import type { ContainerName, ControlCallAnswer, ControlCallName, ControlOrder, SessionId } from '#protocol';

/** Why a container was not reached, or its answer could not be used. */
export interface Unreachable {
  readonly kind: 'unreachable';
  /**
   * After a `timeout` the town backs off from the container; `transport` is a network that fails, or a 2xx that is no answer
   * to the request; `busy` is 429 or 503; `draining` the control server's own 503, by its problem code: it takes nothing new and is
   * about to end, while what runs there goes on; `unauthorized` is the control server's own 401, by its problem code; `refused` any
   * other answer that no repeat will change soon.
   */
  readonly reason: 'timeout' | 'transport' | 'busy' | 'draining' | 'server_error' | 'unauthorized' | 'refused';
  /** The container's Retry-After, at most `MAX_RETRY_AFTER_MS`, or 0. */
  readonly retryAfterMs: number;
  /** For people: status and code, never a body. */
  readonly detail: string;
  /**
   * The status, where a 4xx judged this very request: something on the way answered in place of the control server, or the control
   * server itself found it malformed or too large. A smaller or another request may pass.
   */
  readonly rejected?: number;
}

/**
 * What came of one request to a container. Never rejects.
 * `asleep`: it does not run, and nothing was sent. `session_changed`: the town's session is over, nothing was done, and what
 * was started in it is gone; `session` is the one that holds now.
 */
export type LinkAnswer<T> =
  | { readonly kind: 'answered'; readonly value: T }
  | { readonly kind: 'asleep' }
  | { readonly kind: 'session_changed'; readonly session: SessionId }
  | Unreachable;

/** Everything that the town does with a container. */
export interface ContainerLink {
  /** A session that holds, opened if there is none; `wake` starts a container that sleeps. */
  open(wake: boolean): Promise<LinkAnswer<SessionId>>;
  /** After a hello: a handshake only where the boot is another, or the last one was never answered. */
  check(): Promise<LinkAnswer<SessionId>>;
  /** Gives the session up, also where the container is not reached, and opens another. */
  renew(): Promise<LinkAnswer<SessionId>>;
  /** Gives the container up for good: nothing of it is kept. No agent is in it any more. Idempotent. */
  destroy(): Promise<LinkAnswer<null>>;
  /** Whether `secretDigest` (SHA-256, base64url) is that of the session's secret. */
  authenticate(session: SessionId, secretDigest: string): Promise<boolean>;
  /** A call of the control API, in `session` and in no other: the one that the town's agents were started in. */
  call<N extends ControlCallName>(
    name: N,
    session: SessionId,
    order: ControlOrder<N>,
  ): Promise<LinkAnswer<ControlCallAnswer<N>>>;
}

/** Where a container runs. Asking never starts it; only `wake` does (T10). */
export interface ContainerBackend {
  running(): boolean;
  /** Begins to start it and returns at once; nothing where it runs already. */
  wake(): void;
  /** Sends to its port. Rejects where the network does. */
  fetch(path: string, init: RequestInit): Promise<Response>;
  /** Only where it is the platform's, which starts and ends it. */
  readonly lifecycle?: ContainerLifecycle;
}

/** How a container of the platform ends. */
export interface ContainerLifecycle {
  /** It outlives this object's time in memory by so many ms from now on. */
  keep(ms: number): Promise<void>;
  /** Asks it to end in order (SIGTERM). */
  end(): void;
  /** Ends it at once. */
  destroy(): Promise<void>;
}

/** Signs the push token of one request. The link knows the request; the token's form and its keys are not its business. */
export type PushSigner = (request: {
  readonly audience: string;
  readonly container: ContainerName;
  readonly method: string;
  readonly path: string;
  readonly bodyDigest: string;
}) => Promise<string>;
