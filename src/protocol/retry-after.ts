/** A Retry-After is believed up to this (ms): five minutes, the longest backoff of the system, on both sides. */
export const MAX_RETRY_AFTER_MS = 300_000;

/**
 * The wait (ms) that a Retry-After asks for in seconds (RFC 9110, section 10.2.3), `maxMs` at most; 0 where there is none, or in another
 * form.
 */
export function retryAfterMs(header: string | null, maxMs = MAX_RETRY_AFTER_MS): number {
  return header !== null && /^\d+$/.test(header) ? Math.min(Number(header) * 1000, maxMs) : 0;
}
