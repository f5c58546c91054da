/** What is said, and logged, of a request that is not let in. */
import { isWorthALine, type Fields, type Log } from '../lib/log.ts';
import { problem } from './problem.ts';
import type { PushRefused } from './push-auth.ts';

export function refuse(log: Log, refusals: Map<string, number>, { reason }: PushRefused, where: Fields): Response {
  const count = (refusals.get(reason) ?? 0) + 1;
  refusals.set(reason, count);
  if (isWorthALine(count)) log.warn('push_refused', { reason, refusals: count, ...where });
  return problem('unauthorized');
}

/** The token is as good as before: none was used up for a body that did not come. */
export function withoutBody(log: Log, why: 'too_long' | 'too_slow' | 'aborted', where: Fields): Response {
  if (why === 'too_long') return problem('payload_too_large');
  // Its sender has gone, or will have: that is not an error here.
  log.info('body_not_received', { why, ...where });
  return problem('request_timeout');
}

/** A path as the town writes them. Any other may hold anything, a token by mistake too, and is not repeated (T6). */
const TOWN_PATH = /^\/(?:session|agents|agents\/refresh-tokens|agents\/agt_[0-9a-z]{20}\/[a-z-]{1,20})$/;

export function loggable(path: string): string {
  return TOWN_PATH.test(path) ? path : 'of no route';
}
