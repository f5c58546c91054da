/** What became of a message, in the words that its sender reads. */
import type { MessageView } from '#protocol';
import type { OpenAiError } from './error-shape.ts';

/** Why an answer ended: it is whole, or there is more than it says. */
export type FinishReason = 'stop' | 'length';

/** A turn without a word: clients take an empty answer for none, and some send again. */
const SILENT = '(The agent ended its turn without a word.)';
/** The client does not wait any longer; the agent goes on. */
export const GOES_ON =
  '(The agent is still at work on this. Send /status to see how far it is; the answer stays with the message.)';

/** `answered`: there is a text to show. `goes_on`: there is none yet, and the client is let go. `failed`: the turn came to no answer. */
export type Outcome =
  | { readonly kind: 'answered' | 'goes_on'; readonly text: string; readonly finish: FinishReason }
  | { readonly kind: 'failed'; readonly error: OpenAiError };

type Ended = Pick<MessageView, 'state' | 'reply' | 'truncated' | 'error'>;

/** Of a message that is over, or of one whose sender waits no longer. */
export function outcomeOf({ state, reply, truncated, error }: Ended): Outcome {
  if (state === 'done') {
    const text = reply === null || reply === '' ? SILENT : reply;
    return { kind: 'answered', text, finish: truncated ? 'length' : 'stop' };
  }
  if (state === 'failed') return failed('turn_failed', `The turn failed: ${error ?? 'no reason is known'}`);
  if (state === 'cancelled') return failed('message_cancelled', 'The message was cancelled before its turn.');
  return { kind: 'goes_on', text: GOES_ON, finish: 'length' };
}

/**
 * The status of an error of the turn itself, where there is one: clients send again by themselves on 409, 429 and all from 500, and
 * a turn that came to its end must not begin again unasked.
 */
export const AGENT_ERROR_STATUS = 400;

function failed(code: string, message: string): Outcome {
  return { kind: 'failed', error: { error: { message, type: 'agent_error', param: null, code } } };
}
