/** `Prefer: wait=N` (RFC 7240, section 4.3): a request that waits for the end of a turn. */
import { MAX_WAIT_SECONDS } from '#protocol';

/** The seconds to wait, at most 60; 0 where none, or nothing that makes sense, is asked for. */
export function waitSeconds(prefer: string | undefined): number {
  for (const preference of (prefer ?? '').split(',')) {
    const wait = /^\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?$/i.exec(preference)?.[1];
    // The first of a name counts (RFC 7240, section 2).
    if (wait !== undefined) return Math.min(Number(wait), MAX_WAIT_SECONDS);
  }
  return 0;
}
