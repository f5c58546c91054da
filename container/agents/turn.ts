import { INTERRUPTED, type DeliveredMessage, type HeldMessage, type TurnResult } from '#protocol';
import type { TurnTrace } from './turn-trace.ts';

/** One message that an incarnation holds, until the town has its result. */
export interface Turn {
  message: DeliveredMessage;
  result: TurnResult | null;
  state: 'delivered' | 'working';
  /** Aborts when the turn is ended from outside, or the incarnation is over. */
  readonly end: AbortController;
  readonly trace: TurnTrace;
}

/** What a turn comes to that was ended from outside. */
export const CUT_SHORT: TurnResult = { state: 'failed', error: INTERRUPTED };

/** A turn as the town is told of it. */
export function heldTurn({ message, state, result }: Turn): HeldMessage {
  const held = { message: message.message, attempt: message.attempt };
  return result === null ? { ...held, state } : { ...held, state: result.state, result };
}
