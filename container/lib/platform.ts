import type { Clock } from './clock.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { TownReach } from './town-reach.ts';
import type { Tracer } from './tracer.ts';

/** What this program sends; a part of what the platform's `fetch` takes. */
export interface OutgoingRequest {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
  /** Redirects are answers like any other, so that a bearer never follows one to another place. */
  readonly redirect: 'manual';
  readonly signal: AbortSignal;
}
/** The platform's `fetch`, or a fake town. */
export type Fetch = (url: string, init: OutgoingRequest) => Promise<Response>;
/** A cryptographic source of random bytes. */
export type RandomBytes = (count: number) => Uint8Array;

/** The outside world as an argument: all that a part of this program may use beyond its own memory. */
export interface Platform {
  readonly clock: Clock;
  readonly fetch: Fetch;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  readonly randomBytes: RandomBytes;
  /** One for the process, so that an outage is logged once and not by each agent. */
  readonly reach: TownReach;
}
