/** `Prefer: wait=N` (RFC 7240, section 4.3): a request that waits for the end of a turn. */
import { MAX_WAIT_SECONDS, type MessageView, type TownId } from '#protocol';
import { isFinal } from '../../outbox/message.ts';
import type { Edge } from '../edge/edge.ts';

/** The town is asked for so long at a time (ms): a caller that has left keeps its object awake no longer. */
const STEP_MS = 5000;
/** Calls that fail in a row before the wait is given up: an object that is replaced is there again with the next. */
const MAX_FAILURES = 3;

/** The seconds to wait, at most 60; 0 where none, or nothing that makes sense, is asked for. */
export function waitSeconds(prefer: string | undefined): number {
  for (const preference of (prefer ?? '').split(',')) {
    const wait = /^\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?$/i.exec(preference)?.[1];
    // The first of a name counts (RFC 7240, section 2).
    if (wait !== undefined) return Math.min(Number(wait), MAX_WAIT_SECONDS);
  }
  return 0;
}

/** What a caller asks for with `Prefer: wait`. */
export interface Wait {
  readonly town: TownId;
  readonly seconds: number;
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
}

/**
 * The message once it is over, or as it is when the time is up, the client has left, or the town cannot be asked. Never rejects:
 * the message is stored, and the caller may read it later.
 */
export async function untilFinished(edge: Edge, message: MessageView, wait: Wait): Promise<MessageView> {
  const until = edge.clock.now() + wait.seconds * 1000;
  let seen = message;
  let failures = 0;
  // So many steps fill the time; a town that does not wait is not asked in a loop.
  for (let steps = Math.ceil((wait.seconds * 1000) / STEP_MS) + MAX_FAILURES; steps > 0; steps -= 1) {
    const left = until - edge.clock.now();
    if (isFinal(seen.state) || left <= 0 || wait.signal.aborted || failures >= MAX_FAILURES) break;
    try {
      // A stub for each step: one is broken after an exception.
      const found = await edge.town(wait.town).getMessage(seen.agent, seen.id, Math.min(left, STEP_MS));
      if (!found.ok) break;
      seen = found.value;
      failures = 0;
    } catch (thrown) {
      // One that is overloaded is not asked again.
      failures += isOverloaded(thrown) ? MAX_FAILURES : 1;
    }
  }
  return seen;
}

function isOverloaded(thrown: unknown): boolean {
  return thrown instanceof Error && 'overloaded' in thrown && thrown.overloaded === true;
}
