/** How long a token for a third party lives. Pure. */
import { MAX_EXCHANGED_SECONDS, MIN_EXCHANGED_SECONDS } from '#protocol';

/** From when to when one is good, in whole seconds since the epoch. */
export interface Lifetime {
  readonly iat: number;
  readonly exp: number;
}

/**
 * An hour, and never beyond the end of the agent's own token (`subjectExp`, seconds), so that no exchange prolongs what the agent was
 * given (W-35). Null where less than five minutes of that are left: what is answered has to be of use, and the agent's next token is
 * due anyway.
 */
export function exchangeLifetime(subjectExp: number, nowMs: number): Lifetime | null {
  const iat = Math.floor(nowMs / 1000);
  const exp = Math.min(iat + MAX_EXCHANGED_SECONDS, subjectExp);
  return exp - iat < MIN_EXCHANGED_SECONDS ? null : { iat, exp };
}
